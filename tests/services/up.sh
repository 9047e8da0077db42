#!/usr/bin/env bash
# Starts the services named (default: all) on 127.0.0.1, waits until each answers, and writes
# $SERVICES_RUN/env with what clients need:   . "$SERVICES_RUN/env"
# Settings: OPENSEARCH_PORT DYNAMODB_PORT AWS_PORT REDIS_PORT (a free one when not given),
# OPENSEARCH_HEAP (512m), OPENSEARCH_FAST_START=1 (starts faster, searches slower: not for timings),
# DYNAMODB_MODE (memory|file), SERVICES_KEEP=1 (keep data of an earlier run), SERVICES_WAIT (seconds, 180).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -gt 0 ] || set -- $ALL_SERVICES
SERVICES=$(wanted "$@")
T0=$(now)
mkdir -p "$SERVICES_RUN/logs" "$SERVICES_RUN/data" "$SERVICES_RUN/tmp" "$SERVICES_RUN/exports"

launch() {               # launch NAME COMMAND...: in the background, detached, its pid recorded
  local name=$1; shift
  setsid "$@" > "$SERVICES_RUN/logs/$name.log" 2>&1 < /dev/null &
  record "$name" $!
}

fresh() { [ "${SERVICES_KEEP:-}" = 1 ] || rm -rf "$SERVICES_RUN/data/$1"; mkdir -p "$SERVICES_RUN/data/$1"; }
exports() { cat > "$SERVICES_RUN/exports/$1"; }

start_opensearch() {
  local port tport conf=$SERVICES_RUN/opensearch-config opts
  port=${OPENSEARCH_PORT:-$(free_port)}; tport=$(free_port)
  rm -rf "$conf"; cp -r "$SERVICES_HOME/opensearch/dist/config" "$conf"
  sed -i '/-Xlog:gc/d' "$conf/jvm.options"
  cat > "$conf/opensearch.yml" <<Y
cluster.name: local
node.name: local-1
discovery.type: single-node
network.host: 127.0.0.1
http.port: $port
transport.port: $tport
path.data: $SERVICES_RUN/data/opensearch
path.logs: $SERVICES_RUN/logs
cluster.routing.allocation.disk.threshold_enabled: false
Y
  opts="-Xms${OPENSEARCH_HEAP:-512m} -Xmx${OPENSEARCH_HEAP:-512m}"
  [ "${OPENSEARCH_FAST_START:-}" != 1 ] || opts="$opts -XX:TieredStopAtLevel=1"
  OPENSEARCH_JAVA_HOME=$(find_jdk 21) OPENSEARCH_PATH_CONF=$conf OPENSEARCH_TMPDIR=$SERVICES_RUN/tmp OPENSEARCH_JAVA_OPTS=$opts \
    launch opensearch bash -c '. "$1/lib.sh"; as_user "$SERVICES_HOME/opensearch/dist/bin/opensearch"' _ "$HERE"
  echo "http://127.0.0.1:$port" > "$SERVICES_RUN/opensearch.url"
  exports opensearch <<X
export OPENSEARCH_URL=http://127.0.0.1:$port
X
}
ready_opensearch() { curl -fs -m 5 -o /dev/null "$(cat "$SERVICES_RUN/opensearch.url")/_cluster/health?wait_for_status=yellow&timeout=2s"; }

start_dynamodb() {
  local port where lib=$SERVICES_HOME/dynamodb
  port=${DYNAMODB_PORT:-$(free_port)}
  if [ "${DYNAMODB_MODE:-memory}" = file ]; then where="-dbPath $SERVICES_RUN/data/dynamodb"; else where=-inMemory; fi
  launch dynamodb "$(find_jdk 17)/bin/java" -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.library.path="$lib/lib" \
    -cp "$lib/classes:$lib/lib/*" LoopbackDynamoDB $where -port "$port" -sharedDb -disableTelemetry
  echo "http://127.0.0.1:$port" > "$SERVICES_RUN/dynamodb.url"
  exports dynamodb <<X
export DYNAMODB_ENDPOINT_URL=http://127.0.0.1:$port
export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port
export AWS_ENDPOINT_URL_DYNAMODB_STREAMS=http://127.0.0.1:$port
X
}
ready_dynamodb() {
  curl -fs -m 5 -o /dev/null -H 'X-Amz-Target: DynamoDB_20120810.ListTables' -H 'Content-Type: application/x-amz-json-1.0' \
    -H 'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0' -d '{}' "$(cat "$SERVICES_RUN/dynamodb.url")"
}

start_aws() {            # ministack: S3, SQS, SNS, EventBridge, Scheduler, Lambda, Step Functions, Cognito, CloudWatch, Secrets Manager, ...
  local port; port=${AWS_PORT:-$(free_port)}
  (cd "$SERVICES_RUN/data/aws" && BIND_HOST=127.0.0.1 GATEWAY_PORT=$port MINISTACK_HOST=127.0.0.1 SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 \
    TMPDIR=$SERVICES_RUN/tmp S3_DATA_DIR=$SERVICES_RUN/data/aws/s3 STATE_DIR=$SERVICES_RUN/data/aws/state \
    S3_PERSIST=${SERVICES_KEEP:-0} PERSIST_STATE=${SERVICES_KEEP:-0} REDIS_HOST=127.0.0.1 MINISTACK_OPENSEARCH_ENDPOINT=$(sed "s,http://,," "$SERVICES_RUN/opensearch.url" 2>/dev/null || echo 127.0.0.1:9200) \
    launch aws "$SERVICES_HOME/aws/env/bin/ministack")
  echo "http://127.0.0.1:$port" > "$SERVICES_RUN/aws.url"
  exports aws <<X
export AWS_ENDPOINT_URL=http://127.0.0.1:$port
export S3_ENDPOINT_URL=http://127.0.0.1:$port
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port
X
}
ready_aws() { curl -fs -m 5 -o /dev/null "$(cat "$SERVICES_RUN/aws.url")/_ministack/health"; }

start_redis() {
  local port server; port=${REDIS_PORT:-$(free_port)}
  server=$(command -v valkey-server || command -v redis-server)
  launch redis "$server" --bind 127.0.0.1 --port "$port" --dir "$SERVICES_RUN/data/redis" --save "" --appendonly no --maxmemory 256mb --maxmemory-policy allkeys-lru
  echo "$port" > "$SERVICES_RUN/redis.url"
  exports redis <<X
export REDIS_URL=redis://127.0.0.1:$port/0
X
}
ready_redis() { local line; exec 3<>"/dev/tcp/127.0.0.1/$(cat "$SERVICES_RUN/redis.url")" && printf 'PING\r\n' >&3 && read -r -t 2 line <&3 && exec 3>&- && [ "${line%$'\r'}" = +PONG ]; }

for s in $SERVICES; do [ -e "$SERVICES_HOME/$s/.installed" ] || die "$s is not installed: run install.sh $s"; done
STARTED=
for s in $SERVICES; do
  if alive "$s"; then say "$s: already running"; continue; fi
  fresh "$s"; "start_$s"; STARTED="$STARTED $s"
done
FAILED= WAITING=$STARTED
while [ -n "${WAITING// /}" ]; do
  LEFT=
  for s in $WAITING; do
    if ("ready_$s") 2>/dev/null; then
      read -r pid _ < "$SERVICES_RUN/$s.pid"
      say "$s ready after $(since "$T0"), pid $pid, $(awk '/VmRSS/ { printf "%d MB", $2 / 1024 }' "/proc/$pid/status"): $(sed -n 's/^export [A-Z0-9_]*URL=//p' "$SERVICES_RUN/exports/$s" | head -1)"
    elif ! alive "$s"; then
      say "$s died; the end of its log:"; tail -15 "$SERVICES_RUN/logs/$s.log" >&2; FAILED="$FAILED $s"
    elif awk -v a="$T0" -v b="$(now)" -v w="${SERVICES_WAIT:-180}" 'BEGIN { exit !(b - a > w) }'; then
      say "$s: not ready after ${SERVICES_WAIT:-180} s"; FAILED="$FAILED $s"
    else LEFT="$LEFT $s"; fi
  done
  WAITING=$LEFT
  [ -z "$WAITING" ] || sleep 0.2
done
{
  echo '# written by up.sh'
  printf 'export %s\n' AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
  for s in $ALL_SERVICES; do if alive "$s"; then cat "$SERVICES_RUN/exports/$s"; fi; done
} > "$SERVICES_RUN/env"
[ -z "$FAILED" ] || die "did not start:$FAILED"
say "all ready after $(since "$T0"); for clients: . $SERVICES_RUN/env"
