#!/usr/bin/env bash
# Runs a command with the services running: installs and starts what can be had here, sets what clients need,
# and stops in the end whatever it started, also when the command fails.
#   with.sh COMMAND...
# Services that the environment names already (OPENSEARCH_URL, DYNAMODB_ENDPOINT_URL, AWS_ENDPOINT_URL, REDIS_URL: all four) are used
# as they are. Where none can be had it fails, or with SERVICES_OPTIONAL=1 says so and succeeds without running COMMAND.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
if [ -n "${OPENSEARCH_URL:-}" ] && [ -n "${DYNAMODB_ENDPOINT_URL:-}" ] && [ -n "${AWS_ENDPOINT_URL:-}" ] && [ -n "${REDIS_URL:-}" ]; then
  echo "services: those that the environment names" >&2
  exec "$@"
fi
export SERVICES_HOME=${SERVICES_HOME:-$HOME/.cache/slipstream-services}
mkdir -p "$SERVICES_HOME"
SERVICES_RUN=$(mktemp -d "${TMPDIR:-/tmp}/services.XXXXXX"); export SERVICES_RUN
chmod 755 "$SERVICES_RUN"
log=$SERVICES_RUN/setup.log
stop() { "$here/down.sh" >> "$log" 2>&1 || cat "$log" >&2; rm -rf "$SERVICES_RUN"; }
trap stop EXIT
trap 'exit 130' INT TERM

have= lack=
echo "services: installing (the first time a minute) and starting; nothing beyond 127.0.0.1" >&2
if timeout 900 "$here/install.sh" >> "$log" 2>&1; then have="opensearch dynamodb aws redis"
else                                             # one that cannot be had must not take the others along
  for service in opensearch dynamodb aws redis; do
    if timeout 900 "$here/install.sh" "$service" >> "$log" 2>&1; then have="$have $service"; else lack="$lack $service"; fi
  done
fi
# shellcheck disable=SC2086 - a list of names
[ -z "$have" ] || "$here/up.sh" $have >> "$log" 2>&1 || true
started=
for service in $have; do
  if [ -f "$SERVICES_RUN/$service.pid" ] && grep -qs "^export" "$SERVICES_RUN/exports/$service" && grep -qsFf "$SERVICES_RUN/exports/$service" "$SERVICES_RUN/env"
  then started="$started $service"; else lack="$lack $service"; fi
done
if [ -n "$lack" ]; then
  { echo "############################################################################"
    echo "## services that could not be had here:$lack"
    echo "## WHAT NEEDS THEM IS NOT RUN. The end of the log:"
    tail -n 15 "$log" | sed 's/^/##   /'
    echo "############################################################################"; } >&2
fi
if [ -z "$started" ]; then
  [ "${SERVICES_OPTIONAL:-}" = 1 ] && exit 0
  exit 1
fi
echo "services:$started" >&2
. "$SERVICES_RUN/env"
"$@"
