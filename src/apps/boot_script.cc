#include "apps/boot_script.h"

#include <format>

#include "base/check.h"

namespace godwit::apps {
namespace {

constexpr std::size_t kUserDataMax = 16 * 1024;

// A word of the shell, whatever is in it.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

constexpr const char* kBody = R"sh(
umask 077
mkdir -p /var/log /etc/godwit "$run"
exec >>"$log" 2>&1 </dev/null
say() { echo "$(date -u +%FT%TZ) boot: $*"; }
# Descriptor 9 is held as long as this script runs; what it starts does not get it.
exec 9>"$run/boot.lock"
flock -n 9 || { say 'another run of this script is here'; exit 0; }
# The QEMUs' users must get through to their own files.
mkdir -p "$state/bin" && chmod 711 "$state" "$run"

is_right() { [ -x "$agent" ] && echo "$sha256  $agent" | sha256sum -c --status; }
bring() {
  curl -fsS --connect-timeout 5 --speed-limit 1 --speed-time 20 -o "$agent.part" \
    "$artifacts/sha256/$sha256" 9>&- || return 1
  echo "$sha256  $agent.part" | sha256sum -c --status ||
    { say "what $artifacts gave is not $sha256"; return 1; }
  chmod 755 "$agent.part" && mv "$agent.part" "$agent"
}
rotate() {
  [ "$(stat -c %s "$log")" -lt 10485760 ] && return
  mv "$log" "$log.1" && exec >>"$log" 2>&1
}

pause=1
while :; do
  rotate
  begun=$(date +%s)
  if is_right || bring; then
    "$agent" agent --join "$config" 9>&-
    say "the agent ended with status $?"
  else
    say 'no agent yet'
  fi
  # One that ran for a minute was well: it is back at once.
  [ $(($(date +%s) - begun)) -lt 60 ] || pause=1
  sleep "$pause" 9>&-
  pause=$((pause * 2)); [ "$pause" -le 60 ] || pause=60
done
)sh";

}  // namespace

std::string boot_script(const BootScript& what) {
  const std::string& state = what.join.state_dir;
  std::string script = "#!/bin/sh\n# Makes a node of this instance; see the log.\n";
  script += std::format("state={}\nrun={}\n", quoted(state), quoted(what.join.run_dir));
  script += std::format("artifacts={}\nsha256={}\n", quoted(what.join.artifacts),
                        quoted(what.agent_sha256));
  script += "agent=$state/bin/godwit\nlog=/var/log/godwit-agent.log\n";
  script += "config=/etc/godwit/join.json\n";
  std::string body = kBody;
  // Before the first run, inside the umask.
  const std::string at = "\nis_right()";
  body.insert(body.find(at),
              std::format("printf '%s\\n' {} >\"$config\"\n", quoted(to_json(what.join))));
  script += body;
  CHECK(script.size() <= kUserDataMax);  // The authority's certificate has some 700 bytes.
  return script;
}

}  // namespace godwit::apps
