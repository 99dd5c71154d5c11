// Names under which old descriptions include files that croft keeps elsewhere: one line each,
// sorted. Both sides are below org/smartfrog/; the left side is without its .sf.
#include <algorithm>
#include <iterator>

#include "lang/library.h"

namespace croft::lang {
namespace {

struct OldName {
  std::string_view old;
  std::string_view file;
};
constexpr OldName old_names[] = {
    {"services/amazon/ec2/ami", "services/amazon/ec2/components.sf"},
    {"services/amazon/ec2/errors", "services/amazon/ec2/components.sf"},
    {"services/amazon/ec2/instance", "services/amazon/ec2/components.sf"},
    {"services/amazon/ec2/listimages", "services/amazon/ec2/components.sf"},
    {"services/amazon/ec2/validate", "services/amazon/ec2/components.sf"},
    {"services/amazon/workflow/components", "services/amazon/ec2/components.sf"},
    {"services/assertions/assert", "services/assertions/components.sf"},
    {"services/assertions/exceptions", "services/assertions/components.sf"},
    {"services/assertions/exceptionthrower", "services/assertions/components.sf"},
    {"services/assertions/fail", "services/assertions/components.sf"},
    {"services/assertions/history/components", "services/assertions/components.sf"},
    {"services/assertions/pingtarget", "services/assertions/components.sf"},
    {"services/assertions/testblock", "services/assertions/components.sf"},
    {"services/assertions/testcomponents", "services/assertions/components.sf"},
    {"services/cloudfarmer/client/components/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/client/web/deploy/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/common/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/deploy/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/deployment/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/ec2/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/manual/components", "services/cloudfarmer/components.sf"},
    {"services/cloudfarmer/server/mock/components", "services/cloudfarmer/components.sf"},
    {"services/deploydir/components", "services/utils/components.sf"},
    {"services/display/components", "services/utils/components.sf"},
    {"services/filesystem/append/components", "services/filesystem/components.sf"},
    {"services/filesystem/chmod", "services/filesystem/components.sf"},
    {"services/filesystem/copyfile", "services/filesystem/components.sf"},
    {"services/filesystem/deletefile", "services/filesystem/components.sf"},
    {"services/filesystem/deploybycopy", "services/filesystem/components.sf"},
    {"services/filesystem/file", "services/filesystem/components.sf"},
    {"services/filesystem/fileexists", "services/filesystem/components.sf"},
    {"services/filesystem/filepath", "services/filesystem/components.sf"},
    {"services/filesystem/files/components", "services/filesystem/components.sf"},
    {"services/filesystem/filesystemtemplate", "services/filesystem/components.sf"},
    {"services/filesystem/mkdir", "services/filesystem/components.sf"},
    {"services/filesystem/replacevar/components", "services/filesystem/components.sf"},
    {"services/filesystem/rmdir", "services/filesystem/components.sf"},
    {"services/filesystem/selfdeletingfile", "services/filesystem/components.sf"},
    {"services/filesystem/tempfile", "services/filesystem/components.sf"},
    {"services/filesystem/textfile", "services/filesystem/components.sf"},
    {"services/filesystem/touchfile", "services/filesystem/components.sf"},
    {"services/hostnames/components", "services/utils/components.sf"},
    {"services/management/components", "services/utils/components.sf"},
    {"services/os/components", "services/os/runshell/components.sf"},
    {"services/os/download/components", "services/os/java/components.sf"},
    {"services/os/java/classpath", "services/os/java/components.sf"},
    {"services/os/java/propertyfile", "services/os/java/components.sf"},
    {"services/restlet/client/components", "services/restlet/components.sf"},
    {"services/restlet/datasources/components", "services/restlet/components.sf"},
    {"services/scripting/bsh/scriptPrim", "services/scripting/bsh/components.sf"},
    {"services/scripting/functions", "services/scripting/bsh/functions.sf"},
    {"services/scripting/scriptPrim", "services/scripting/bsh/components.sf"},
    {"services/ssh/password", "services/ssh/components.sf"},
    {"services/ssh/scp", "services/ssh/components.sf"},
    {"services/ssh/sshExec", "services/ssh/components.sf"},
    {"services/ssh/sshcomponent", "services/ssh/components.sf"},
    {"services/ssh/sshcomponents", "services/ssh/components.sf"},
    {"services/ssh/sshexec", "services/ssh/components.sf"},
    {"services/ssh/sshexecute", "services/ssh/components.sf"},
    {"services/trace/components", "services/utils/components.sf"},
    {"services/utils/concat/components", "services/utils/components.sf"},
    {"services/utils/echo/components", "services/utils/components.sf"},
    {"services/utils/logtofile/components", "services/utils/components.sf"},
    {"services/utils/security/components", "services/utils/components.sf"},
    {"services/utils/setproperty/components", "services/utils/components.sf"},
    {"services/utils/setproperty/sysprops", "services/utils/components.sf"},
    {"services/www/diagnostics/components", "services/www/components.sf"},
    {"services/www/dyndns/components", "services/www/components.sf"},
    {"services/www/livenessPage", "services/www/components.sf"},
    {"services/www/mimetypes", "services/www/types.sf"},
    {"services/www/webapplication", "services/www/components.sf"},
    {"services/www/webserver", "services/www/components.sf"},
    {"sfcore/components", "components.sf"},
    {"sfcore/workflow/combinators/container", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/counteraction", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/delay", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/deployer", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/detachingcompound", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/during", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/finally", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/firebreak", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/parallel", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/randomsequence", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/repeat", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/retract", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/retry", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/run", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/sequence", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/slowstart", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/timeout", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/combinators/try", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/components/attribute", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/components/doNothing", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/components/eventCounter", "sfcore/workflow/eventbus/components.sf"},
    {"sfcore/workflow/components/eventQueue", "sfcore/workflow/eventbus/components.sf"},
    {"sfcore/workflow/components/eventSend", "sfcore/workflow/eventbus/components.sf"},
    {"sfcore/workflow/components/onEvent", "sfcore/workflow/eventbus/components.sf"},
    {"sfcore/workflow/components/terminator", "sfcore/workflow/components.sf"},
    {"sfcore/workflow/conditional/conditional", "sfcore/workflow/conditional/components.sf"},
    {"sfcore/workflow/conditional/conditions/components",
     "sfcore/workflow/conditional/conditions.sf"},
    {"sfcore/workflow/eventbus/eventbus", "sfcore/workflow/eventbus/components.sf"},
};
static_assert(std::is_sorted(std::begin(old_names), std::end(old_names),
                             [](const OldName& a, const OldName& b) { return a.old < b.old; }));

}  // namespace

std::string library_path(std::string_view path) {
  constexpr std::string_view package = "org/smartfrog/", suffix = ".sf";
  if (!path.starts_with(package) || !path.ends_with(suffix)) return std::string(path);
  std::string_view name = path.substr(package.size(), path.size() - package.size() - suffix.size());
  const OldName* found = std::lower_bound(
      std::begin(old_names), std::end(old_names), name,
      [](const OldName& each, std::string_view wanted) { return each.old < wanted; });
  if (found == std::end(old_names) || found->old != name) return std::string(path);
  return std::string(package) + std::string(found->file);
}

}  // namespace croft::lang
