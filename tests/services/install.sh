#!/usr/bin/env bash
# Installs the services named (default: all) under $SERVICES_HOME. Safe to run again.
#   install.sh [opensearch] [dynamodb] [aws|s3] [redis|valkey]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -gt 0 ] || set -- $ALL_SERVICES
SERVICES=$(wanted "$@")
T0=$(now)
exec 9> "$SERVICES_HOME/.lock"; flock 9        # two installs at once wait for each other

stamp_of() {             # what a service's install depends on
  case $1 in
    opensearch) echo "$OPENSEARCH_VERSION $OPENSEARCH_PLUGIN_VERSION 1" ;;
    dynamodb)   echo "$DYNAMODB_LOCAL_VERSION $AWSSDK_JAVA_VERSION $(cksum < "$HERE/LoopbackDynamoDB.java") 1" ;;
    aws)        echo "$MINISTACK_VERSION $MINISTACK_BOTO3_VERSION 1" ;;
    redis)      echo "1" ;;
  esac
}
installed() { [ "$(cat "$SERVICES_HOME/$1/.installed" 2>/dev/null)" = "$(stamp_of "$1")" ]; }
done_with() { stamp_of "$1" > "$SERVICES_HOME/$1/.installed"; say "$1 installed"; }

TODO=
for s in $SERVICES; do
  if installed "$s" && { [ "$s" != redis ] || command -v valkey-server redis-server > /dev/null; }; then say "$s: already there"
  else TODO="$TODO $s"; fi
done

has() { case " $TODO " in *" $1 "*) ;; *) return 1 ;; esac; }

export UV_CACHE_DIR=${UV_CACHE_DIR:-$SERVICES_HOME/uv-cache}
python_env() {           # python_env DIR REQUIREMENT...: a virtual environment of its own
  local dir=$1; shift
  if [ ! -x "$SERVICES_HOME/uv/bin/uv" ]; then
    "${SERVICES_PYTHON:-$(command -v python3.11 || command -v python3)}" -m venv "$SERVICES_HOME/uv"
    "$SERVICES_HOME/uv/bin/pip" install -q --disable-pip-version-check "uv==$UV_VERSION"
  fi
  rm -rf "$dir"
  "$SERVICES_HOME/uv/bin/uv" venv -q -p "$SERVICES_HOME/uv/bin/python" "$dir"
  "$SERVICES_HOME/uv/bin/uv" pip install -q -p "$dir/bin/python" "$@"
}

# --- Java things, in one Maven run
PROFILES=
if has opensearch; then PROFILES=$PROFILES,opensearch; fi
if has dynamodb; then PROFILES=$PROFILES,dynamodb; fi
fetch() {                # fetch PROFILE,...: what pom.xml lists, into $SERVICES_HOME/fetched
  mvn -q -B -ntp -f "$HERE/pom.xml" -P"$1" -Dmaven.repo.local="$SERVICES_HOME/m2" -Dout="$SERVICES_HOME/fetched" \
    -Ddependency.plugin="$MAVEN_DEPENDENCY_PLUGIN_VERSION" -Dopensearch="$OPENSEARCH_VERSION" -Dopensearch.plugin="$OPENSEARCH_PLUGIN_VERSION" \
    -Ddynamodb.local="$DYNAMODB_LOCAL_VERSION" -Dawssdk="$AWSSDK_JAVA_VERSION" \
    generate-resources > "$SERVICES_HOME/mvn.log" 2>&1 || { tail -20 "$SERVICES_HOME/mvn.log" >&2; die "mvn"; }
}
rm -rf "$SERVICES_HOME/fetched"
if [ -n "$PROFILES" ]; then
  T=$(now)
  if has opensearch && [ -z "$(find_jdk 21)" ]; then die "opensearch needs a full Java 21 or newer: set SERVICES_JAVA_HOME"; fi
  fetch "${PROFILES#,}"
  say "Maven run: $(since "$T")"
fi

if has opensearch; then
  T=$(now); dir=$SERVICES_HOME/opensearch; zips=$SERVICES_HOME/fetched/opensearch-zips
  rm -rf "$dir"; mkdir -p "$dir"
  (cd "$dir" && unzip -q "$zips/opensearch.zip" && mv "opensearch-$OPENSEARCH_VERSION" dist)
  JAVA=$(find_jdk 21)
  for plugin in opensearch-knn neural-search; do
    OPENSEARCH_JAVA_HOME=$JAVA JAVA_HOME=$JAVA "$dir/dist/bin/opensearch-plugin" install --batch "file://$zips/$plugin.zip" > "$dir/$plugin.log" 2>&1 \
      || { cat "$dir/$plugin.log" >&2; die "plugin $plugin"; }
  done
  done_with opensearch; say "opensearch unpacked with its plugins: $(since "$T")"
fi

if has dynamodb; then
  dir=$SERVICES_HOME/dynamodb; rm -rf "$dir"; mkdir -p "$dir"
  mv "$SERVICES_HOME/fetched/dynamodb-lib" "$dir/lib"
  JAVAC=$(command -v javac || true)
  [ -n "$JAVAC" ] || die "dynamodb needs a javac (any JDK of 17 or newer)"
  "$JAVAC" --release 17 -nowarn -cp "$dir/lib/*" -d "$dir/classes" "$HERE/LoopbackDynamoDB.java" 2> "$dir/javac.log" || { cat "$dir/javac.log" >&2; exit 1; }
  done_with dynamodb
fi
rm -rf "$SERVICES_HOME/fetched"

# --- Python things
if has aws; then
  mkdir -p "$SERVICES_HOME/aws"
  python_env "$SERVICES_HOME/aws/env" "ministack[full]==$MINISTACK_VERSION" "boto3==$MINISTACK_BOTO3_VERSION"
  done_with aws
fi

# --- Debian's
if has redis; then
  mkdir -p "$SERVICES_HOME/redis"
  if ! command -v valkey-server redis-server > /dev/null; then
    [ "$(id -u)" = 0 ] || die "redis: run as root, or have valkey-server or redis-server on PATH"
    T=$(now)
    apt-get update -qq
    if apt-cache policy valkey-server 2>/dev/null | grep -q 'Candidate: [0-9]'; then pkg=valkey-server; else pkg=redis-server; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$pkg" > "$SERVICES_HOME/redis/apt.log" 2>&1 || { cat "$SERVICES_HOME/redis/apt.log" >&2; die "apt-get"; }
    say "$pkg from Debian: $(since "$T")"
  fi
  done_with redis
fi
say "install took $(since "$T0") ($(du -sh "$SERVICES_HOME" 2>/dev/null | cut -f1) in SERVICES_HOME)"
