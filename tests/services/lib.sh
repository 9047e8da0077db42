# Shared by install.sh, up.sh and down.sh (sourced).
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SERVICES_HOME=${SERVICES_HOME:-$HOME/.cache/slipstream-services}
SERVICES_RUN=${SERVICES_RUN:-$SERVICES_HOME/run}
mkdir -p "$SERVICES_HOME" "$SERVICES_RUN"
SERVICES_HOME=$(cd "$SERVICES_HOME" && pwd)
SERVICES_RUN=$(cd "$SERVICES_RUN" && pwd)
export SERVICES_HOME SERVICES_RUN
. "$HERE/versions.env"
ALL_SERVICES="opensearch dynamodb aws redis"

say() { printf '[services] %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'; }

canonical() {            # s3 is served by the aws process; valkey and redis are one server here
  case $1 in s3|sqs|events) echo aws ;; valkey) echo redis ;; *) echo "$1" ;; esac
}
wanted() {               # the services asked for, in canonical names, each once
  local s c seen=" "
  for s in "$@"; do
    c=$(canonical "$s")
    case " $ALL_SERVICES " in *" $c "*) ;; *) die "unknown service '$s' (known: $ALL_SERVICES)" ;; esac
    case $seen in *" $c "*) ;; *) seen="$seen$c "; echo "$c" ;; esac
  done
}

java_major() { "$1/bin/java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -1; }
find_jdk() {             # find_jdk MIN: a Java home of at least that version, the newest one
  local min=$1 best= major bestmajor=0 home root
  root=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v java || echo /nowhere/x/bin/java)")")")")
  for home in "${SERVICES_JAVA_HOME:-}" "${JAVA_HOME:-}" "$root"/*/; do
    home=${home%/}
    [ -n "$home" ] && [ -x "$home/bin/java" ] || continue
    major=$(java_major "$home")
    [ -n "$major" ] && [ "$major" -ge "$min" ] || continue
    if [ "$home" = "${SERVICES_JAVA_HOME:-}" ]; then echo "$home"; return; fi
    if [ "$major" -gt "$bestmajor" ]; then best=$home bestmajor=$major; fi
  done
  [ -n "$best" ] && echo "$best"
}

as_user() {              # exec a command that refuses to run as root, seen by itself as uid 65534
  if [ "$(id -u)" != 0 ]; then exec "$@"; fi
  if [ "${SERVICES_NO_USERNS:-}" != 1 ] && unshare --user --map-user=65534 --map-group=65534 true 2>/dev/null; then
    exec unshare --user --map-user=65534 --map-group=65534 "$@"
  fi
  say "no user namespaces here: falling back to setpriv (uid 65534 must be able to reach $SERVICES_HOME)"
  chown -R 65534:65534 "$SERVICES_RUN" "$SERVICES_HOME/opensearch/dist/logs" 2>/dev/null || true
  exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

started_at() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }   # clock ticks: names one process for good
record() { echo "$2 $(started_at "$2")" > "$SERVICES_RUN/$1.pid"; }
alive() {                # alive NAME: is the very process that was recorded still running?
  local pid start
  read -r pid start 2>/dev/null < "$SERVICES_RUN/$1.pid" || return 1
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}
