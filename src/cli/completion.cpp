// croft completion: scripts that let bash, zsh and fish complete croft's commands. The scripts ask
// `croft complete`, which knows the table of verbs, so they never grow old.
#include "cli/complete.h"
#include "cli/description.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "components/registry.h"
#include "lang/browse/types.h"

namespace croft::cli {
namespace {

// The answer of `croft complete`: a candidate a line, a tab, its help; and at most one line
// ":files", ":descriptions" or ":folders" for what the shell itself completes.
constexpr std::string_view bash_script =
    R"script(# croft(1) completion for bash: source <(croft completion bash)
_croft() {
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}") current=${COMP_WORDS[COMP_CWORD]} line word
  # Bash cuts words at ':' and '='; they are put together again.
  if [[ ${COMP_WORDBREAKS} == *[:=]* ]]; then
    local text=${COMP_LINE:0:COMP_POINT}
    read -r -a words <<<"$text"
    words=("${words[@]:1}")
    [[ $text == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]}-1]-}
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o filenames; COMPREPLY+=($(compgen -f -- "$current")) ;;
      :folders) compopt -o filenames; COMPREPLY+=($(compgen -d -- "$current")) ;;
      :descriptions)
        compopt -o filenames
        COMPREPLY+=($(compgen -d -- "$current") $(compgen -f -X '!*.sf' -- "$current")) ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
  # What stands before the last ':' or '=' is on the line already.
  if [[ $current == *[:=]* ]]; then
    word=${current%"${current##*[:=]}"}
    local i
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$word"}; done
  fi
}
complete -F _croft croft
)script";

constexpr std::string_view zsh_script = R"script(#compdef croft
# croft(1) completion for zsh: put it into a folder of $fpath as _croft, or source <(croft completion zsh)
_croft() {
  local -a candidates
  local line word help
  while IFS= read -r line; do
    case $line in
      :files) _files ;;
      :folders) _files -/ ;;
      :descriptions) _files -g '*.sf' ;;
      *)
        word=${line%%$'\t'*}
        help=${line#*$'\t'}
        candidates+=("${word//:/\\:}${help:+:$help}") ;;
    esac
  done < <(command "${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( ${#candidates} )) && _describe -V croft candidates
  return 0
}
if [[ ${funcstack[1]} == _croft ]]; then _croft "$@"; else compdef _croft croft; fi
)script";

constexpr std::string_view fish_script =
    R"script(# croft(1) completion for fish: croft completion fish | source
function __croft_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    set -l current (commandline -ct)
    for line in (command croft complete -- $words 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $current
            case :folders
                __fish_complete_directories $current
            case :descriptions
                __fish_complete_suffix .sf
            case '*'
                echo $line
        end
    end
end
complete -c croft -f -a '(__croft_complete)'
)script";

std::string_view script_of(std::string_view shell) {
  if (shell == "bash") return bash_script;
  if (shell == "zsh") return zsh_script;
  if (shell == "fish") return fish_script;
  return "";
}

int run_completion(Invocation& invocation) {
  std::string shell = invocation.positional(0);
  std::string_view script = script_of(shell);
  if (script.empty())
    return invocation.fail(
        Error(Code::invalid_argument, fmt::format("there is no completion for '{}'", shell))
            .hint("there is one for bash, fish and zsh"),
        exit_code::usage);
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"shell", shell}, {"script", std::string(script)}}));
  else
    invocation.terminal.print(script);
  return exit_code::done;
}

/// The applications of this home; none when no controller runs.
std::vector<Candidate> applications(Invocation& invocation) {
  std::vector<Candidate> out;
  auto ask = [&out](aio::World& world, Invocation& asked) -> aio::Task<Result<int>> {
    ControllerClient client(world, asked.home);
    auto answer = co_await client.call("GET", "/v1/applications", "", Duration::seconds(2));
    if (!answer) co_return exit_code::done;
    auto list = wire::json::array_if(*answer, "applications");
    if (list && *list)
      for (const auto& item : **list)
        if (item.is_object())
          out.push_back({wire::json::string_or(item.as_object(), "name", "").value_or(""),
                         wire::json::string_or(item.as_object(), "phase", "").value_or("")});
    co_return exit_code::done;
  };
  run_verb(invocation, ask);
  return out;
}

std::vector<Candidate> types(Invocation& invocation) {
  lang::Project project(language_options(invocation));
  lang::TypeIndex index(project, &components::schemas());
  std::vector<Candidate> out;
  for (const auto& entry : index.library()) out.push_back({entry.name, entry.summary});
  return out;
}

std::string_view directive(ShellFiles files) {
  switch (files) {
    case ShellFiles::files:
      return ":files";
    case ShellFiles::descriptions:
      return ":descriptions";
    case ShellFiles::folders:
      return ":folders";
    case ShellFiles::none:
      break;
  }
  return "";
}

int run_complete(Invocation& invocation) {
  Names names{[&] { return applications(invocation); }, [&] { return types(invocation); }};
  Completions found = complete(commands(), invocation.positionals, names);
  if (invocation.json) {
    wire::json::Array list;
    for (const auto& one : found.candidates)
      list.emplace_back(wire::json::Object{{"word", one.word}, {"help", one.help}});
    invocation.terminal.print(wire::json::pretty(wire::json::Object{
        {"candidates", std::move(list)}, {"files", std::string(directive(found.files))}}));
    return exit_code::done;
  }
  std::string out;
  for (const auto& one : found.candidates) out += one.word + "\t" + one.help + "\n";
  if (found.files != ShellFiles::none) out += std::string(directive(found.files)) + "\n";
  invocation.terminal.print(out);
  return exit_code::done;
}

}  // namespace

Command completion_command() {
  return {.path = "completion",
          .summary = "print the script that lets a shell complete croft's commands",
          .details =
              "bash: source <(croft completion bash) in ~/.bashrc\n"
              "zsh:  croft completion zsh > FOLDER-OF-FPATH/_croft\n"
              "fish: croft completion fish > ~/.config/fish/completions/croft.fish",
          .example = "source <(croft completion bash)",
          .positionals = {{"SHELL", "bash, zsh or fish"}},
          .options = {},
          .run = run_completion};
}

Command complete_command() {
  return {.path = "complete",
          .summary = "what could come next on a command line",
          .details = "The scripts of `croft completion` call it.",
          .example = "croft complete -- up --fa",
          .positionals = {{"WORD", "the words behind croft, the one under the cursor last", true,
                           true}},
          .options = {},
          .run = run_complete,
          .hidden = true};
}

}  // namespace croft::cli
