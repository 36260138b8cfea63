"""What a user would pick instead, as one would write it: configurations of other modules and servers, and of nginx alone."""

# As a careful user would write it: the key's SHA-256 in a shared dictionary, a scope, a fixed window, the limit's fields.
LUA = """
    lua_shared_dict keys 10m; lua_shared_dict counts 10m;
    init_by_lua_block {
        ffi = require "ffi"
        ffi.cdef "unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);"
        crypto = ffi.load("crypto"); md = ffi.new("unsigned char[32]")
        ngx.shared.keys:set(ffi.string(crypto.SHA256("@KEY@", #"@KEY@", md), 32), "posts:read posts:write")
    }
"""
LUA_LOCATION = """
    location = /lua_off { empty_gif; }
    location = /lua { empty_gif; access_by_lua_block {
        local key = ngx.var.http_authorization
        key = key and key:match("^Bearer (.+)$")
        if not key then return ngx.exit(401) end
        local name = ffi.string(crypto.SHA256(key, #key, md), 32)
        local scopes = ngx.shared.keys:get(name)
        if not scopes then return ngx.exit(401) end
        if not (" " .. scopes .. " "):find(" posts:read ", 1, true) then return ngx.exit(403) end
        local limit = 100000000
        local used = ngx.shared.counts:incr(name, 1, 0, 3600)
        ngx.header["X-RateLimit-Limit"] = limit
        ngx.header["X-RateLimit-Remaining"] = limit - used
        if used > limit then return ngx.exit(429) end
    } }
"""
# A cache of verified tokens written by hand: the whole token is the name, what it says the value, and it goes when the token expires.
LUA_TOKENS = """
    lua_shared_dict tokens 10m; lua_shared_dict counts 10m;
    init_by_lua_block {
        ffi, cjson = require "ffi", require "cjson.safe"
        ffi.cdef [[
            typedef struct evp_pkey_st EVP_PKEY; typedef struct evp_md_ctx_st EVP_MD_CTX;
            EVP_PKEY *EVP_PKEY_new_raw_public_key(int type, void *e, const unsigned char *key, size_t len);
            EVP_MD_CTX *EVP_MD_CTX_new(void); void EVP_MD_CTX_free(EVP_MD_CTX *ctx);
            int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void **pctx, const void *type, void *e, EVP_PKEY *pkey);
            int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen, const unsigned char *d, size_t len);
        ]]
        crypto = ffi.load("crypto")
        local function decoded(text)
            return ngx.decode_base64((text:gsub("-", "+"):gsub("_", "/")) .. ("="):rep(-#text % 4))
        end
        local key = crypto.EVP_PKEY_new_raw_public_key(1087, nil, decoded("@POINT@"), 32)
        function verified(token)
            local head, body, signature = token:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
            if not head then return end
            local header, claims = cjson.decode(decoded(head)), cjson.decode(decoded(body))
            if not header or header.alg ~= "EdDSA" or not claims or claims.exp <= ngx.time() then return end
            local text, ctx = head .. "." .. body, crypto.EVP_MD_CTX_new()
            signature = decoded(signature)
            local good = crypto.EVP_DigestVerifyInit(ctx, nil, nil, nil, key) == 1
                and crypto.EVP_DigestVerify(ctx, signature, #signature, text, #text) == 1
            crypto.EVP_MD_CTX_free(ctx)
            return good and claims or nil
        end
    }
"""
LUA_TOKEN_LOCATION = """
    location = /lua_token_off { empty_gif; }
    location = /lua_token { empty_gif; access_by_lua_block {
        local token = ngx.var.http_authorization
        token = token and token:match("^Bearer (.+)$")
        if not token then return ngx.exit(401) end
        local known = ngx.shared.tokens:get(token)
        if not known then
            local claims = verified(token)
            if not claims then return ngx.exit(401) end
            known = claims.sub .. " " .. claims.scope
            ngx.shared.tokens:set(token, known, claims.exp - ngx.time())
        end
        local subject, scopes = known:match("^(%S+) (.*)$")
        if not (" " .. scopes .. " "):find(" posts:read ", 1, true) then return ngx.exit(403) end
        local limit = 100000000
        local used = ngx.shared.counts:incr(subject, 1, 0, 3600)
        ngx.header["X-RateLimit-Limit"] = limit
        ngx.header["X-RateLimit-Remaining"] = limit - used
        if used > limit then return ngx.exit(429) end
    } }
"""
NJS = """
import crypto from 'crypto';
const keys = {'@SHA@': 'posts:read posts:write'};
function check(r) {
    const field = r.headersIn['Authorization'];
    if (!field || !field.startsWith('Bearer ')) return '401';
    const scopes = keys[crypto.createHash('sha256').update(field.substring(7)).digest('hex')];
    if (!scopes) return '401';
    return scopes.split(' ').indexOf('posts:read') < 0 ? '403' : '';
}
export default {check};
"""
NJS_LOCATION = """
    location = /njs_off { empty_gif; }
    location = /njs { if ($njs_refusal) { return 403; } empty_gif; }
"""
# What one would do for MCP instead; it reads duplicates and batches as JSON.parse does, and has no limits.
NJS_MCP = """
const keys = {'@KEY@': 'docs:read'};
const rules = {search: 'docs:read'};
function gate(r) {
    const field = r.headersIn['Authorization'] || '';
    const scopes = keys[field.substring(7)];
    if (!scopes) return r.return(401);
    let message;
    try { message = JSON.parse(r.requestText); } catch (e) { return r.return(400); }
    const needed = message.method == 'tools/call' ? rules[message.params.name] : '';
    if (needed === undefined || (needed && scopes.split(' ').indexOf(needed) < 0)) return r.return(403);
    r.internalRedirect('/njs_bare');
}
export default {gate};
"""
NJS_MCP_LOCATION = """
    client_body_buffer_size 64k;
    location = /njs_bare { @UPSTREAM@ }
    location = /njs { js_content gate.gate; }
"""
HAPROXY = """
global
    nbthread 1
    cpu-map 1/1 {cpu}
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout http-keep-alive 1h
frontend bare
    bind 127.0.0.1:{bare}
    http-request return status 200 content-type image/gif string x
frontend limited
    bind 127.0.0.1:{limited}
    stick-table type string len 80 size 100k expire 1h store http_req_rate(1h)
    http-request track-sc0 req.hdr(authorization)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
    http-request return status 200 content-type image/gif string x
frontend tokens
    bind 127.0.0.1:{tokens}
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str {algorithm} }}
    http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,"{pem}") 1 }}
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 403 unless {{ var(txn.token),jwt_payload_query('$.scope') -m sub posts:read }}
    http-request return status 200 content-type image/gif string x
"""

ABSENT = """
daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
    {quiet}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; location / {{ empty_gif; }} }}
}}
"""
