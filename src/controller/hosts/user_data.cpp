#include "controller/hosts/user_data.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::controller {
namespace {

constexpr std::string_view boundary = "==croft-parts==";

/// In single quotes; what could end them is refused, since nothing of ours has it.
Result<std::string> quoted(std::string_view text) {
  for (char c : text)
    if (c == '\'' || static_cast<unsigned char>(c) < ' ')
      return fail(Code::invalid_argument,
                  fmt::format("'{}' cannot be given to a machine", printable(text)));
  return fmt::format("'{}'", text);
}

// What both scripts work with.
constexpr std::string_view tools = R"(say() { echo "croft: $*"; }
get() {
  if command -v curl >/dev/null 2>&1; then curl -fsS --connect-timeout 5 -o "$2" "$1"
  else wget -q -T 15 -O "$2" "$1"; fi
}
meta() {
  if command -v curl >/dev/null 2>&1
  then curl -fsS --connect-timeout 2 -H "X-aws-ec2-metadata-token: $pass" "$from/meta-data/$1"
  else wget -q -T 5 -O - --header "X-aws-ec2-metadata-token: $pass" "$from/meta-data/$1"; fi
}
from=http://169.254.169.254/latest
life='X-aws-ec2-metadata-token-ttl-seconds: 60'
if command -v curl >/dev/null 2>&1
then pass=$(curl -fsS --connect-timeout 2 -X PUT -H "$life" $from/api/token)
else pass=$(wget -q -T 5 -O - --method=PUT --header "$life" $from/api/token); fi
fetch() {
  tries=0
  until get "$1" "$3" && echo "$2  $3" | sha256sum -c >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -ge 60 ]; then say "what this machine is to run cannot be fetched"; exit 1; fi
    sleep 1
  done
}
)";

// A script of its own for each boot: cloud-init and croft's init run those, so that a machine that
// was stopped and started, or rebooted, is a host again.
constexpr std::string_view script = R"(#!/bin/sh
# Makes this machine a host of croft: fetches the agent, checks it, starts it.
umask 077
mkdir -p /var/lib/croft /var/lib/cloud/scripts/per-boot && cd /var/lib/croft || exit 1
{tools}fetch {url} {sum} agent.new
chmod 700 agent.new && mv agent.new croft-agent
printf '%s' {token} > token
printf '%s' {rendezvous} > rendezvous
cat > start <<EOF
#!/bin/sh
cd /var/lib/croft || exit 1
setsid ./croft-agent keep --folder /var/lib/croft \
  --controller {controller} --pin {pin} --rendezvous-file rendezvous \
  --instance '$(meta instance-id)' --address '$(meta local-ipv4)' --token-file token \
  </dev/null >>agent.log 2>&1 &
EOF
chmod 700 start
ln -sf /var/lib/croft/start /var/lib/cloud/scripts/per-boot/croft-agent
exec ./start
)";

constexpr std::string_view controller_script = R"(#!/bin/sh
# Makes this machine a controller of croft: fetches croft, checks it, keeps it running.
umask 077
mkdir -p /var/lib/croft-controller /var/lib/cloud/scripts/per-boot && cd /var/lib/croft-controller || exit 1
{tools}fetch {url} {sum} croft.new
chmod 700 croft.new && mv croft.new croft
printf '%s' {key} > papers.key
printf '%s' {papers} > papers.url
cat > start <<EOF
#!/bin/sh
cd /var/lib/croft-controller || exit 1
setsid sh -c 'while :; do
  ./croft controller settle --home /var/lib/croft-controller/home --papers-file papers.url \
    --key-file papers.key --instance $(meta instance-id) --address $(meta local-ipv4)
  sleep 1
done' </dev/null >>settle.log 2>&1 &
EOF
chmod 700 start
ln -sf /var/lib/croft-controller/start /var/lib/cloud/scripts/per-boot/croft-controller
exec ./start
)";

std::string part(std::string_view type, std::string_view name, std::string_view text) {
  return fmt::format(
      "--{}\nContent-Type: {}; charset=\"utf-8\"\nMIME-Version: 1.0\n"
      "Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"{}\"\n\n{}\n",
      boundary, type, name, base64(text));
}

}  // namespace

Result<std::string> text_of(const UserData& data) {
  std::string own = fmt::format(
      fmt::runtime(script), fmt::arg("tools", tools), fmt::arg("url", TRY(quoted(data.agent_url))),
      fmt::arg("sum", TRY(quoted(data.agent_sha256))),
      fmt::arg("token", TRY(quoted(data.token.reveal()))),
      fmt::arg("controller", TRY(quoted(data.controller))), fmt::arg("pin", TRY(quoted(data.pin))),
      fmt::arg("rendezvous", TRY(quoted(data.rendezvous_url))));
  if (data.script.empty()) return own;
  if (data.script.starts_with("Content-Type:") || data.script.starts_with("MIME-Version:"))
    return fail(Error(Code::unsupported,
                      "userData in MIME parts cannot be joined with what makes the machine a host")
                    .hint("give one part: a script that begins with #!, or #cloud-config"));
  bool config = data.script.starts_with("#cloud-config");
  return fmt::format(
      "Content-Type: multipart/mixed; boundary=\"{}\"\nMIME-Version: 1.0\n\n{}{}--{}--\n", boundary,
      part("text/x-shellscript", "croft-agent", own),
      part(config ? "text/cloud-config" : "text/x-shellscript", "user-data", data.script),
      boundary);
}

Result<std::string> text_of(const ControllerUserData& data) {
  return fmt::format(fmt::runtime(controller_script), fmt::arg("tools", tools),
                     fmt::arg("url", TRY(quoted(data.program_url))),
                     fmt::arg("sum", TRY(quoted(data.program_sha256))),
                     fmt::arg("key", TRY(quoted(base64(data.papers_key.reveal())))),
                     fmt::arg("papers", TRY(quoted(data.papers_url))));
}

}  // namespace croft::controller
