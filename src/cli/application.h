// How verbs show an application: the controller's JSON documents as trees, tables and lines.
#pragma once
#include <string>
#include <vector>

#include "terminal/terminal.h"
#include "wire/json.h"

namespace croft::cli {

/// The component tree, one line a component: name, state, since, what it waits for.
std::string tree_text(const terminal::Terminal& terminal, const wire::json::Object& application);
/// "running 3 of 5, 20 things rented".
std::string counts_text(const wire::json::Object& application);
/// The components that wait, one line each: what the live area of `up` shows.
std::vector<std::string> waiting_lines(const wire::json::Object& application);
/// One event as a line for people; empty for events that only scripts want.
std::string event_text(const terminal::Terminal& terminal, const wire::json::Object& event);
/// The proof of `down`: a table of what was rented and when it went, then what is kept and left.
std::string proof_text(const terminal::Terminal& terminal, const wire::json::Object& proof);

/// A string member, or empty.
std::string text_member(const wire::json::Object& object, std::string_view name);

}  // namespace croft::cli
