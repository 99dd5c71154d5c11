// A login at another machine through the ssh and scp programs of the controller's machine: where,
// as whom, with what secret. Secrets are in files of mode 0600 for as long as one program runs,
// never on a command line. Loop thread only.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "components/registry.h"
#include "components/shell/program.h"

namespace croft::components {

struct SshLogin {
  std::string host, user;
  int64_t port = 22;
  Duration timeout;  ///< of one program; forever: none
  std::string target() const { return user.empty() ? host : user + "@" + host; }
};

Result<SshLogin> ssh_login(engine::Context& context);
/// The same at that host instead of the component's.
Result<SshLogin> ssh_login_at(engine::Context& context, std::string host);

/// Runs `command` (the program, options that say how to log in are put behind it, then the rest),
/// with `input`. Ends it when it takes longer than the component's timeout (Code::timeout).
struct SshCommand {
  std::string program;                ///< "ssh" or "scp"
  std::vector<std::string> options;   ///< before the operands
  std::vector<std::string> operands;  ///< after "--"
  std::string input;
};
aio::Task<Result<aio::ExitStatus>> run_ssh(engine::Context& context, SshCommand command);
aio::Task<Result<aio::ExitStatus>> run_ssh_at(engine::Context& context, SshLogin login,
                                              SshCommand command);

/// One that does `count` steps in order and remembers how many are done: a restarted controller
/// goes on with the next. Ends after the last as it is told to.
class SshSteps : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;
  /// What a process that died left of a login's secrets goes.
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;

 protected:
  virtual aio::Task<Result<size_t>> count(engine::Context& context) = 0;
  /// An error is its abnormal end.
  virtual aio::Task<Result<>> step(engine::Context& context, size_t number) = 0;
  virtual std::string done_text(size_t count) const = 0;
};

/// A type of this family: `more` beside how to log in.
engine::ComponentType ssh_type(std::string name, std::string doc,
                               std::vector<model::AttributeSchema> more,
                               std::function<std::unique_ptr<engine::Component>()> make);

}  // namespace croft::components
