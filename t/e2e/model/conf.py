"""nginx.conf, of which locations.py, issuers.py and principals.py say the same."""

ZONES = ("1m", "2m", "700k")

# What a location tells the backend of whom it admitted, beside the identity fields.
SEEN = "|".join(f"$keyward_{name}" for name in ("key_id", "subject", "plan", "kind", "issuer", "scopes", "decision", "claim_jti",
                                                "claim_tenant")) + "|$remote_user"  # fmt: skip
BASIC = 'satisfy any; auth_basic r; auth_basic_user_file "%s";'

CONF = """
    keyward_zone %(zone)s;
    keyward_bcrypt_concurrency 2;
    keyward_scope_implies mcp:full mcp:*;
    keyward_scope_implies posts:write posts:read;
    keyward_plan fallback limit=30r/h;
    %(plans)s
    %(issuers)s
    keyward_claim $tenant /tenant;
    map $tenant $is_partner { "~(^|,)partner(,|$)" 1; default 0; }
    upstream backend { server %(backend)s; keepalive 64; }
    server {
        listen 127.0.0.1:@PORT@ backlog=1024;
        access_log off;
        keepalive_requests 1000000;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-From;
        root /nonexistent;
        add_header X-Reason "$keyward_reason $keyward_subject$keyward_plan$keyward_issuer" always;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Seen "%(seen)s";
        proxy_next_upstream off;
        keyward on;
        location = /open { proxy_pass http://backend; }
        location = /read { keyward_scope posts:read; proxy_pass http://backend; }
        location = /any { keyward_scope match=any posts:write media:read; proxy_pass http://backend; }
        location = /methods {
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST,PUT posts:write;
            proxy_pass http://backend;
        }
        location = /both {
            keyward_scope posts:read media:read;
            keyward_scope methods=GET,PUT,DELETE posts:read;
            keyward_scope methods=POST posts:write;
            proxy_pass http://backend;
        }
        location = /admin { keyward_scope Admin; proxy_pass http://backend; }
        location = /umbrella { keyward_scope mcp:read mcp:analytics; proxy_pass http://backend; }
        location = /require { keyward_require $is_partner; keyward_limit 40r/h name=require; proxy_pass http://backend; }
        location = /require-subject {
            keyward_accept key token anonymous;
            keyward_require $keyward_subject$keyward_issuer $keyward_subject reason=not_accepted;
            keyward_limit 40r/h name=require;
            proxy_pass http://backend;
        }
        location = /plan { keyward_limit plan; proxy_pass http://backend; }
        location = /default { keyward_limit plan default=fallback; proxy_pass http://backend; }
        location = /key { keyward_limit 40r/h; proxy_pass http://backend; }
        location = /subject { keyward_limit 70r/h by=subject; proxy_pass http://backend; }
        location = /address { keyward_accept key token anonymous; keyward_limit 120r/h by=address; proxy_pass http://backend; }
        location = /short { keyward_limit 8r/3s; proxy_pass http://backend; }
        location = /two { keyward_limit 40r/h name=shared; keyward_limit 60r/h by=subject; proxy_pass http://backend; }
        location = /shared { keyward_scope posts:read; keyward_limit 40r/h name=shared; proxy_pass http://backend; }
        location = /cost {
            keyward_limit 60r/h cost=3 methods=POST;
            keyward_limit 40r/h methods=GET;
            proxy_pass http://backend;
        }
        location = /anonymous { keyward_accept key token anonymous; proxy_pass http://backend; }
        location = /member { keyward_accept key token anonymous; keyward_scope posts:read; proxy_pass http://backend; }
        location = /nokeys { keyward_accept anonymous; proxy_pass http://backend; }
        location = /off { keyward off; proxy_pass http://backend; }
        location = /shadow { keyward shadow; keyward_scope posts:write; keyward_limit 40r/h name=shared; proxy_pass http://backend; }
        location = /redirect { keyward_scope posts:read; keyward_limit 300r/h name=redirect; try_files /none /inner; }
        location = /inner { keyward_scope media:read; keyward_limit 300r/h name=redirect; keyward_limit 30r/h name=inner;
                            keyward_accept key oauth internal auth; proxy_pass http://backend; }
        location = /satisfy { satisfy any; allow 192.0.2.1; deny all; keyward_scope posts:read; proxy_pass http://backend; }
        location = /keys { keyward_accept key; proxy_pass http://backend; }
        location = /auth { keyward_accept auth; proxy_pass http://backend; }
        location = /provision { keyward_accept auth oauth unprovisioned; proxy_pass http://backend; }
        location = /partner { keyward_accept partner; keyward_scope posts:read; proxy_pass http://backend; }
        location = /several {
            keyward_accept fetched oauth partner;
            keyward_accept key;
            keyward_scope match=any posts:read media:read;
            proxy_pass http://backend;
        }
        location = /issuers { keyward_accept token; keyward_limit 50r/h name=issuers; proxy_pass http://backend; }
        location = /by-method {
            keyward_accept methods=GET token anonymous;
            keyward_accept methods=POST internal auth unprovisioned;
            keyward_accept key;
            proxy_pass http://backend;
        }
        location = /session {
            keyward_credential bearer header=X-API-Key cookie=session;
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST,PUT,DELETE posts:write;
            proxy_pass http://backend;
        }
        location = /wide { keyward_limit 300r/h name=api; try_files /none /narrow; }
        location = /narrow { keyward_limit 12r/h name=api; proxy_pass http://backend; }
        location = /dear { keyward_limit 400r/h name=dear; try_files /none @dear; }
        location @dear { keyward_limit 400r/h name=dear cost=40; proxy_pass http://backend; }
        location = /dear-first { keyward_limit 60r/h name=first cost=6; proxy_pass http://backend/accel/cheap; }
        location = /cheap { keyward_limit 60r/h name=first; proxy_pass http://backend; }
        location = /shade-first { keyward shadow; keyward_limit 400r/h name=shade; proxy_pass http://backend/accel@shade; }
        location @shade { keyward_limit 12r/h name=shade cost=2; proxy_pass http://backend; }
        location = /three {
            keyward_limit 400r/h name=three;
            proxy_intercept_errors on;
            error_page 404 = @three;
            proxy_pass http://backend/missing;
        }
        location @three {
            keyward shadow;
            keyward_scope posts:write;
            keyward_limit 400r/h name=three cost=4;
            rewrite ^ /accel/third break;
            proxy_pass http://backend;
        }
        location = /third { keyward_limit 90r/h name=three cost=5; keyward_limit 30r/h name=third; proxy_pass http://backend; }
        location = /roomy {
            keyward_limit 60r/h name=roomy;
            proxy_intercept_errors on;
            error_page 404 = /tight;
            proxy_pass http://backend/missing;
        }
        location = /tight { keyward_limit 60r/h name=roomy cost=5; keyward_limit 8r/h name=tight; proxy_pass http://backend; }
        location = /index/ { keyward_limit 300r/h name=index; index /indexed; }
        location = /indexed {
            keyward_accept key auth;
            keyward_scope posts:read;
            keyward_limit 20r/h name=index;
            proxy_pass http://backend;
        }
        location = /bearer { keyward_credential bearer; try_files /none /service; }
        location = /service { keyward_credential header=X-Service-Key bearer; proxy_pass http://backend; }
        location = /bearer-anonymous {
            keyward_credential bearer;
            keyward_accept key token anonymous;
            proxy_pass http://backend/accel@service;
        }
        location @service { keyward_credential header=X-Service-Key bearer; keyward_scope posts:read; proxy_pass http://backend; }
        location = /bearer-shadow { keyward shadow; keyward_credential bearer; try_files /none @service-open; }
        location @service-open {
            keyward_credential header=X-Service-Key bearer;
            keyward_accept key token anonymous;
            proxy_pass http://backend;
        }
        location = /not-service {
            proxy_intercept_errors on;
            error_page 404 = /only-service;
            proxy_pass http://backend/missing;
        }
        location = /only-service {
            keyward_credential header=X-Service-Key;
            keyward_accept auth key anonymous;
            proxy_pass http://backend;
        }
        location = /cookie-first {
            keyward_credential bearer cookie=session;
            keyward_accept key token anonymous;
            proxy_pass http://backend/accel/session-too;
        }
        location = /session-too {
            keyward_credential header=X-API-Key header=X-Service-Key cookie=session;
            keyward_accept key token anonymous;
            proxy_pass http://backend;
        }
        location = /basic { %(basic)s keyward_scope posts:write; proxy_pass http://backend; }
        location = /basic-shadow { %(basic)s keyward shadow; keyward_scope posts:write; proxy_pass http://backend; }
        location = /basic-on { %(basic)s keyward_scope rare; try_files /none /after-basic; }
        location = /after-basic { keyward_limit 40r/h name=after; proxy_pass http://backend; }
        location = /basic-accel {
            %(basic)s
            keyward_accept key token anonymous;
            keyward_scope rare;
            proxy_pass http://backend/accel@after-off;
        }
        location @after-off { keyward off; proxy_pass http://backend; }
        location = /page { keyward_scope posts:write; error_page 401 403 = @page; proxy_pass http://backend; }
        location @page { keyward off; proxy_pass http://backend; }
        location = /page-uri {
            keyward_scope posts:write;
            keyward_limit 40r/h name=page;
            error_page 401 403 = /paged;
            proxy_pass http://backend;
        }
        location = /paged { keyward off; proxy_pass http://backend; }
        location = /page-on { keyward_scope posts:write; error_page 401 403 = @page-on; proxy_pass http://backend; }
        location @page-on { proxy_pass http://backend; }
        location = /page-accel { keyward_scope posts:write; error_page 401 403 = @page-accel; proxy_pass http://backend; }
        location @page-accel { keyward off; rewrite ^ /accel/after-page break; proxy_pass http://backend; }
        location = /after-page {
            keyward_accept key token anonymous;
            keyward_scope posts:read;
            keyward_limit 40r/h name=page;
            proxy_pass http://backend;
        }
        location = /basic-key { keyward_credential basic header=X-API-Key; proxy_pass http://backend; }
        location = /basic-password {
            keyward_credential bearer basic=password;
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST,PUT,DELETE posts:write;
            proxy_pass http://backend;
        }
        location = /scheme {
            keyward_credential scheme=ApiKey header=X-API-Key;
            keyward_accept key token anonymous;
            proxy_pass http://backend;
        }
        location = /at-once { keyward_concurrency 3; proxy_pass http://backend; }
        location = /at-once-plan { keyward_concurrency plan; proxy_pass http://backend; }
        location = /at-once-subject {
            keyward_accept key token anonymous;
            keyward_concurrency 4 by=subject;
            proxy_pass http://backend;
        }
        location = /crowd { keyward_concurrency 3 name=crowd; keyward_limit 60r/h name=crowded; proxy_pass http://backend; }
        location = /crowd-shadow { keyward shadow; keyward_concurrency 2 name=crowd; proxy_pass http://backend; }
        location = /held { keyward_concurrency 5 name=held; try_files /none /held-inner; }
        location = /held-inner { keyward_concurrency 3 name=held; proxy_pass http://backend; }
        location = /to-off { proxy_pass http://backend/accel/plain; }
        location = /plain { keyward off; proxy_pass http://backend; }
        location = /off-first {
            keyward off;
            proxy_intercept_errors on;
            error_page 404 = /after-off;
            proxy_pass http://backend/missing;
        }
        location = /after-off {
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST posts:write;
            proxy_pass http://backend;
        }
    }
    server {
        listen 127.0.0.1:@PORT_EACH@ reuseport;
        access_log off;
        add_header X-Worker $pid always;
        add_header X-Reason $keyward_reason always;
        keyward on;
        location = /auth { keyward_accept auth unprovisioned; empty_gif; }
        location = /oauth { keyward_accept oauth unprovisioned; empty_gif; }
        location = /internal { keyward_accept internal; empty_gif; }
        location = /fetched { keyward_accept fetched unprovisioned; empty_gif; }
    }
"""
PLANS = ("", "keyward_plan gold scope=posts:*,mcp:full limit=400r/h concurrency=2; keyward_plan closed no_access;")
