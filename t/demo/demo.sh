#!/usr/bin/env bash
# Starts a backend and nginx with keyward in front, on loopback and in a folder of its own, shows what is allowed and what is refused,
# and checks each answer. Then it stops what it started; with --stay only at Ctrl-C. `make demo` and `make run` call it.
set -euo pipefail
export LC_ALL=C

readonly PATIENCE_S=15  # the longest that anything is waited for
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly PROJECT BUILD=${KEYWARD_BUILD:-$PROJECT/build}
readonly PYTHON=${PYTHON:-/usr/bin/python3}
export PATH="$BUILD:$PATH:/usr/sbin"

stay=
case "${*:-}" in
    '') ;;
    --stay) stay=yes ;;
    *) echo "usage: $0 [--stay]" >&2; exit 2 ;;
esac

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

folder=
declare -A pids=()
alice='' alice_id='' bob='' loop='' loop_id='' short=''  # what create() sets
heads_only=''                                            # the backend's answers aren't shown

cleanup() {
    local name
    trap - EXIT
    trap '' INT TERM HUP
    for name in "${!pids[@]}"; do
        stop "$name"
    done
    [[ -z $folder ]] || rm -rf -- "$folder"
}

# Ends one process that we started and waits for it.
stop() {
    local pid=${pids[$1]} i
    unset "pids[$1]"
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < PATIENCE_S * 50; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
    echo "${red}demo: $*${plain}" >&2
    if [[ -n $folder && -s $folder/error.log ]]; then
        echo "--- the end of nginx's error log" >&2
        tail -n 20 "$folder/error.log" >&2
    fi
    exit 1
}

# until_true WHAT COMMAND...: polls, with a bound.
until_true() {
    local what=$1 deadline=$((SECONDS + PATIENCE_S))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || die "waited $PATIENCE_S s in vain for $what"
        sleep 0.02
    done
}

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# The words as one would type them.
typed() {
    local word text=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@,%+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        text+=" $word"
    done
    printf '%s$%s%s\n' "$dim" "$text" "$plain"
}

# Shows a command and runs it.
run() {
    typed "$@"
    "$@"
}

# The same without its output.
run_quietly() {
    typed "$@"
    "$@" >"$folder/quiet.out"
}

# --- the pieces -------------------------------------------------------------------------------------------------

# A key as another system kept it: its bcrypt hash and its first 12 characters. Of no use but in this demo.
readonly LEGACY_KEY=old_5b0d9a7c41e86f23d7750c9be1a2f4638d17c05b
# shellcheck disable=SC2016
readonly LEGACY_HASH='$2b$10$3fzoUxvHORU60iBhRXc9E.kxmIhReHxE7pfwzQE1X1j40TpIkLLXi'

check_tools() {
    local tool
    for tool in "$BUILD/keyward" "$BUILD/ngx_http_keyward_module.so"; do
        [[ -e $tool ]] || die "$tool is missing; run \`make\`"
    done
    for tool in "${NGINX:-nginx}" "$PYTHON" curl setsid setpriv; do
        command -v "$tool" >/dev/null || die "$tool is missing; run \`make deps\`"
    done
}

# In a session of its own, so that Ctrl-C is for us, and gone when we are, however we end.
start() {
    local name=$1
    shift
    setsid setpriv --pdeathsig TERM "$@" </dev/null >>"$folder/$name.out" 2>&1 &
    pids[$name]=$!
}

is_running() { kill -0 "${pids[$1]}" 2>/dev/null; }

# Answers with the request as it came.
start_backend() {
    cat >"$folder/backend.py" <<'PYTHON'
import http.server, os, sys

class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        lines = [f"{self.command} {self.path}"] + [f"{name}: {value}" for name, value in self.headers.items()]
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
PYTHON
    start backend "$PYTHON" "$folder/backend.py" "$folder/backend.port"
    until_true "the backend" test -e "$folder/backend.port"
    backend=$(<"$folder/backend.port")
}

write_configuration() {
    cat >"$folder/nginx.conf" <<NGINX
load_module $BUILD/ngx_http_keyward_module.so;
${user:+user $user $(id -gn "$user");}
worker_processes 2;
daemon off;
pid $folder/nginx.pid;
error_log $folder/error.log info;
events {}
http {
    log_format worker '\$pid \$uri \$status';
    access_log $folder/access.log worker;
    client_body_temp_path $folder/temp-body;
    proxy_temp_path       $folder/temp-proxy;
    fastcgi_temp_path     $folder/temp-fastcgi;
    uwsgi_temp_path       $folder/temp-uwsgi;
    scgi_temp_path        $folder/temp-scgi;

    keyward_store $KEYWARD_STORE;
    keyward_key_format kw_ base62=43 checksum;
    keyward_key_format old_ hex=40;
    keyward_issuer demo { secret_file $folder/issuer.secret; issuer https://login.example; leeway 0s; grant posts:read; }

    server {
        listen 127.0.0.1:$port reuseport;

        keyward on;
        keyward_scope methods=GET  posts:read;
        keyward_scope methods=POST posts:write;
        keyward_limit plan;

        location / {
            proxy_pass http://127.0.0.1:$backend;
        }
    }
}
NGINX
}

# Whoever signs tokens for the demo: with a secret that nginx knows, too.
make_issuer() {
    (umask 077; "$PYTHON" -c 'import secrets; print(secrets.token_hex(32))' >"$folder/issuer.secret")
}

# mint VARIABLE SECONDS: a token for alice that expires so long from now.
mint() {
    local minted
    minted=$("$PYTHON" - "$folder/issuer.secret" "$2" <<'PYTHON'
import base64, hashlib, hmac, json, sys, time

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")

secret = open(sys.argv[1], "rb").read().strip()
claims = {"iss": "https://login.example", "sub": "alice", "iat": int(time.time()), "exp": int(time.time()) + int(sys.argv[2])}
text = encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + encode(json.dumps(claims).encode())
print((text + b"." + encode(hmac.new(secret, text, hashlib.sha256).digest())).decode())
PYTHON
    )
    printf -v "$1" %s "$minted"
}

# The pid file is there once the port is nginx's own.
answers() { [[ -s $folder/nginx.pid ]] && curl -sS -o /dev/null "$url/" 2>/dev/null; }
answers_or_ended() { answers || ! is_running nginx; }

# nginx can't choose a port itself, and what is free now may be taken in a moment.
start_nginx() {
    for _ in 1 2 3 4 5; do
        port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        url=http://127.0.0.1:$port
        write_configuration
        start nginx "${NGINX:-nginx}" -p "$folder/" -e "$folder/error.log" -c "$folder/nginx.conf"
        until_true nginx answers_or_ended
        is_running nginx && return
        wait "${pids[nginx]}" 2>/dev/null || true
        unset 'pids[nginx]'
        grep -q 'Address already in use' "$folder/error.log" || break
    done
    die "nginx didn't start: $(tail -n 5 "$folder/nginx.out")"
}

# The value of one member of the JSON on standard input.
member() { "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# create VARIABLE OPTIONS...: makes a key, shows how, and sets VARIABLE and VARIABLE_id.
create() {
    local variable=$1 made
    shift
    typed keyward key create "$@" --json
    made=$(keyward key create "$@" --json)
    echo "$made"
    printf -v "$variable" %s "$(member key <<<"$made")"
    printf -v "${variable}_id" %s "$(member id <<<"$made")"
}

make_store() {
    title "A store with two plans, three subjects and a key for each way of keeping one"
    typed export KEYWARD_STORE="$KEYWARD_STORE"
    run_quietly keyward init ${user:+--user "$user"}
    run_quietly keyward plan set free --scope posts:read --limit 3r/m
    run_quietly keyward plan set pro --scope 'posts:*' --limit 6000r/m
    run_quietly keyward subject set alice --plan pro
    run_quietly keyward subject set bob --plan free
    run_quietly keyward subject set carol --plan pro
    create alice --name laptop --subject alice
    create bob --name phone --subject bob --verifier sha256
    create loop --name job --subject alice --verifier sha256
    title "A key from another system, which kept its bcrypt hash and its first 12 characters only"
    printf '{"name":"old","subject":"carol","bcrypt":"%s","prefix":"%s"}\n' "$LEGACY_HASH" "${LEGACY_KEY:0:12}" >"$folder/old.jsonl"
    run cat "$folder/old.jsonl"
    run keyward key import "$folder/old.jsonl"
}

# --- requests -----------------------------------------------------------------------------------------------------

# Sets status and fills $folder/{head,body}.
request() {
    status=$(curl -sS -D "$folder/head" -o "$folder/body" -w '%{http_code}' "$@") || die "curl failed"
    tr -d '\r' <"$folder/head" >"$folder/head.new"
    mv "$folder/head.new" "$folder/head"
}

# expect STATUS TEXT WHAT CURL-ARGUMENTS...: shows a request and its answer; TEXT has to stand in its head or body.
expect() {
    local expected=$1 text=$2 colour=$green
    title "$3"
    shift 3
    typed curl -i "$@"
    request "$@"
    show_answer
    [[ $status == "$expected" ]] || die "expected $expected, got $status"
    grep -qF -- "$text" "$folder/head" "$folder/body" || die "expected \"$text\" in the answer"
}

show_answer() {
    [[ $status == 200 ]] && colour=$green || colour=$red
    printf '%s%s%s\n' "$colour" "$(head -n 1 "$folder/head")" "$plain"
    grep -iE '^(content-type|www-authenticate|retry-after|x-ratelimit-[a-z]+|cache-control):' "$folder/head" || true
    [[ $heads_only && $status == 200 ]] && return
    echo
    cat "$folder/body"
    [[ -z $(tail -c 1 "$folder/body") ]] || echo
}

# The backend's own account of what reached it.
backend_saw() { grep -qiE "^$1" "$folder/body"; }

show_allowed() {
    expect 200 'X-Keyward-Subject: alice' "Allowed. The backend answers with what reached it: who it is, and no key" \
        -H "X-API-Key: $alice" "$url/posts/1"
    ! grep -qF "$alice" "$folder/body" || die "the key reached the backend"
    backend_saw "X-Keyward-Key-Id: $alice_id" || die "the key's id did not reach the backend"
    expect 200 'X-Keyward-Kind: key' "Or as Authorization: Bearer. What a client says of itself is removed" \
        -H "Authorization: Bearer $alice" -H 'X-Keyward-Subject: mallory' -d text=hello "$url/posts/"
    ! backend_saw Authorization || die "the credential reached the backend"
    ! grep -q mallory "$folder/body" || die "a forged identity reached the backend"
}

show_refused() {
    expect 401 'missing credentials' "No key" "$url/posts/1"
    # One character is changed: the checksum tells without a look at the store.
    local last=a
    [[ $alice != *a ]] || last=b
    expect 401 'invalid or inactive API key' "A key with a typing error" -H "X-API-Key: ${alice%?}$last" "$url/posts/1"
    expect 403 '"required_scope":"posts:write"' "A plan without the scope that writing needs" \
        -H "X-API-Key: $bob" -d text=hello "$url/posts/"

    title "An expired key"
    create short --name short --subject alice --verifier sha256 --expires 1s
    request -H "X-API-Key: $short" "$url/posts/1"
    [[ $status == 200 || $status == 401 ]] || die "a key before its expiry got $status"
    until_true "the key's expiry" is_refused "$short"
    expect 401 'API key expired' "A second later" -H "X-API-Key: $short" "$url/posts/1"
}

show_token() {
    local token forged
    mint token 600
    expect 200 'X-Keyward-Issuer: demo' "A token of an issuer, for the same subject: her plan, and the scope that the issuer grants" \
        -H "Authorization: Bearer $token" "$url/posts/1"
    backend_saw 'X-Keyward-Subject: alice' || die "the token's subject did not reach the backend"
    expect 403 '"required_scope":"posts:write"' "It may read, and no more" -H "Authorization: Bearer $token" -d text=hello "$url/posts/"
    forged=${token%.*}.AAAA${token##*.????}
    expect 401 'invalid token' "The same token with another signature" -H "Authorization: Bearer $forged" "$url/posts/1"
    title "A token that expires in a second"
    mint token 1
    until_true "the token's expiry" is_token_refused "$token"
    expect 401 'token expired' "A second later" -H "Authorization: Bearer $token" "$url/posts/1"
}

is_token_refused() {
    request -H "Authorization: Bearer $1" "$url/posts/1"
    [[ $status != 200 ]]
}

is_refused() {
    request -H "X-API-Key: $1" "$url/posts/1"
    [[ $status != 200 ]]
}

show_limit() {
    local i
    heads_only=yes
    for i in 1 2 3; do
        expect 200 "X-RateLimit-Remaining: $((3 - i))" "Bob's plan has 3 requests a minute: request $i" \
            -H "X-API-Key: $bob" "$url/posts/$i"
    done
    heads_only=''
    expect 429 'X-RateLimit-Remaining: 0' "Request 4" \
        -H "X-API-Key: $bob" "$url/posts/4"
    grep -qi '^Retry-After: [1-9]' "$folder/head" || die "429 without Retry-After"
}

show_legacy() {
    expect 200 'X-Keyward-Subject: carol' "The key from the other system is found by its prefix, then checked whole" \
        -H "X-API-Key: $LEGACY_KEY" "$url/posts/1"
    expect 401 'invalid or inactive API key' "The same prefix with another end" -H "X-API-Key: ${LEGACY_KEY:0:36}00000000" "$url/posts/1"
}

# Requests one after the other, each with the time at which it began, until killed.
loop_requests() {
    local i began
    for ((i = 0; i < 5000; i++)); do
        began=$EPOCHREALTIME
        echo "$began $(curl -sS -o /dev/null -w '%{http_code}' -H "X-API-Key: $loop" "$url/posts/loop" 2>/dev/null)" >>"$folder/loop"
    done
}

count_since() { awk -v since="$1" -v status="$2" '$1 > since && $2 == status { count++ } END { print count + 0 }' "$folder/loop"; }
has_since() { (($(count_since "$1" "$2") >= $3)); }
workers_that_answered() { awk -v status="$1" '$2 == "/posts/loop" && $3 == status { print $1 }' "$folder/access.log" | sort -u | wc -l; }
both_answered() { (($(workers_that_answered "$1") == 2)); }

show_revocation() {
    local after
    title "Revoked while it is in use: the next request is refused, whichever of the two workers gets it"
    echo "Requests with this key go out meanwhile, one after the other."
    : >"$folder/loop"
    loop_requests &
    pids[loop]=$!
    until_true "20 requests that are allowed" has_since 0 200 20
    until_true "allowed ones by both workers" both_answered 200
    run keyward key revoke "$loop_id"
    after=$EPOCHREALTIME
    expect 401 'invalid or inactive API key' "The next request" -H "X-API-Key: $loop" "$url/posts/1"
    until_true "20 requests that are refused" has_since "$after" 401 20
    until_true "refused ones by both workers" both_answered 401
    stop loop
    echo
    echo "$(count_since 0 200) requests were allowed before. Of those that began after the command had returned,"
    echo "$(count_since "$after" 401) were refused and $(count_since "$after" 200) allowed."
    (($(count_since "$after" 200) == 0)) || die "a revoked key was allowed"
    awk '$2 != 200 && $2 != 401 { exit 1 } $2 == 401 { over = 1 } over && $2 == 200 { exit 1 }' "$folder/loop" ||
        die "an answer other than 200, then 401"
}

wait_for_ctrl_c() {
    title "Left running until Ctrl-C"
    echo "  edge     $url"
    echo "  store    export KEYWARD_STORE=$KEYWARD_STORE"
    echo "  command  $BUILD/keyward key list"
    echo "  nginx    $folder/nginx.conf, error.log beside it"
    echo
    echo "  curl -i -H 'X-API-Key: $alice' $url/posts/1"
    echo
    trap 'exit 0' INT TERM HUP
    wait "${pids[nginx]}" || true
    die "nginx has ended"
}

main() {
    check_tools
    folder=$(mktemp -d "${TMPDIR:-/tmp}/keyward-demo-XXXXXX")
    chmod 755 "$folder"  # nginx's workers may be another user
    export KEYWARD_STORE=$folder/store
    user=
    if ((EUID == 0)); then
        user=www-data
        id "$user" >/dev/null 2>&1 || user=nobody
    fi
    start_backend
    make_store
    make_issuer
    start_nginx
    title "nginx's configuration, as far as it is about keyward"
    sed -n '/keyward_store/,$p' "$folder/nginx.conf" | sed '$d'
    show_allowed
    show_refused
    show_token
    show_limit
    show_legacy
    show_revocation
    title "All as expected"
    if [[ -n $stay ]]; then
        wait_for_ctrl_c
    fi
}

main
