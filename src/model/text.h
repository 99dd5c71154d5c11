// How values look in the language: numbers, strings, names, references. Pure.
// Source: the language reference, 1.1 and 1.4.
#pragma once
#include <string>
#include <string_view>

#include "model/value.h"

namespace croft::model {

/// Is `word` reserved, so that it must be quoted as a name?
bool is_reserved_word(std::string_view word);
/// A name as it stands before a value: quoted where it must be.
void write_name(std::string_view name, std::string& out);
/// "..." with escapes; characters beyond Latin-1 as \uXXXX.
void write_string(std::string_view text, std::string& out);
/// 0.1, 100.0, 1.0E10: the shortest digits that read back as the same number.
void write_number(double value, std::string& out);
void write_number(float value, std::string& out);
/// PARENT:db:port, without LAZY or OPTIONAL.
void write_parts(const Reference& reference, std::string& out);
void write_reference(const Reference& reference, std::string& out);
/// Any value but a component or a call, whose layout is the printer's.
void write_primitive(const Value& value, std::string& out);

}  // namespace croft::model
