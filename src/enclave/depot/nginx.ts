import { join } from 'node:path'
import { DEPOT_PORT, type HostPaths } from '../paths.ts'

/** Where systemd shows nginx its key: in memory, to nobody else. */
const CREDENTIALS = '/run/credentials/nginx.service'
const RUN = '/run/sallyport-depot'

/** Files of the depot's nginx. */
export function nginxFiles(paths: HostPaths) {
  return {
    config: join(paths.nginx, 'sallyport.conf'),
    unit: join(paths.units, 'nginx.service.d/sallyport.conf'),
    /** Public: who may vouch for a caller, and which certificates are revoked. */
    trust: paths.depotTrust,
    refresh: join(paths.programs, 'refresh-depot'),
    hook: join(paths.reloadHooks, 'depot'),
  } as const
}

/**
 * nginx serves the current release as static trees over TLS 1.3, read-only. `/v2/` is OCI pull: manifests get the media
 * type they have (a map beside the release), blobs none. The link `current` is followed at each request.
 *
 * Packages and images are for hosts: `/apt/` and `/v2/` want a certificate whose common name is `host`, the other mirrors
 * none, so that unmodified clients can use them. What is refused is logged with the caller's name.
 */
export function nginxConfig(paths: HostPaths, domain: string, address: string): string {
  const listen = address.includes(':') ? `[${address}]` : address
  const { trust } = nginxFiles(paths)
  return `# Written by Sallyport; changes are overwritten.
daemon off;
pid ${RUN}/nginx.pid;
worker_processes 2;
error_log stderr notice;
events {
  worker_connections 1024;
}
http {
  client_body_temp_path ${RUN}/body;
  proxy_temp_path ${RUN}/proxy;
  fastcgi_temp_path ${RUN}/fastcgi;
  uwsgi_temp_path ${RUN}/uwsgi;
  scgi_temp_path ${RUN}/scgi;
  sendfile on;
  server_tokens off;
  keepalive_timeout 30s;
  # A connection ends in time for a revoked certificate to be refused within a minute.
  keepalive_time 30s;
  map_hash_bucket_size 256;

  map $uri $sallyport_manifest_type {
    default "application/vnd.oci.image.manifest.v1+json";
    include ${paths.current}/oci-types.map;
  }
  map $ssl_client_serial $sallyport_revoked {
    default 0;
    include ${trust}/revoked.map;
  }
  # The first common name of the subject (RFC 2253), nothing escaped or joined before it.
  map "$ssl_client_verify $sallyport_revoked $ssl_client_s_dn" $sallyport_host {
    default 0;
    "~^SUCCESS 0 (?:(?!CN=)[^,+\\\\\\\\]+,)*CN=host(?:,|$)" 1;
  }
  map $status $sallyport_refused {
    default 0;
    ~^(400|403|405|495|496)$ 1;
  }
  log_format sallyport 'refused $remote_addr "$ssl_client_s_dn" $ssl_client_verify revoked=$sallyport_revoked "$request" $status';
  access_log syslog:server=unix:/dev/log,nohostname,tag=depot sallyport if=$sallyport_refused;

  server {
    listen ${listen}:${DEPOT_PORT} ssl;
    server_name depot.${domain};
    ssl_certificate ${CREDENTIALS}/cert.pem;
    ssl_certificate_key ${CREDENTIALS}/key.pem;
    ssl_protocols TLSv1.3;
    ssl_ecdh_curve SecP384r1MLKEM1024:secp384r1:X25519MLKEM768:X25519;
    ssl_session_cache off;
    ssl_session_tickets off;
    ssl_client_certificate ${trust}/ca.pem;
    ssl_verify_client optional;
    ssl_verify_depth 4;
    include ${trust}/crl.conf;
    if ($request_method !~ ^(GET|HEAD)$) { return 405; }
    types { }
    default_type application/octet-stream;
    add_header X-Content-Type-Options nosniff always;

    location / { return 404; }
    location = /v2/ {
      if ($sallyport_host = 0) { return 403; }
      default_type application/json;
      return 200 "{}";
    }
    location ~ ^/v2/[a-z0-9/._-]+/manifests/ {
      if ($sallyport_host = 0) { return 403; }
      root ${paths.current}/oci;
      default_type "";
      add_header Content-Type $sallyport_manifest_type;
      add_header Docker-Distribution-API-Version registry/2.0;
      add_header X-Content-Type-Options nosniff always;
    }
    location ~ ^/v2/[a-z0-9/._-]+/blobs/ {
      if ($sallyport_host = 0) { return 403; }
      root ${paths.current}/oci;
    }
    location ~ ^/apt/ {
      if ($sallyport_host = 0) { return 403; }
      root ${paths.current};
    }
    # ansible-galaxy takes archives from an absolute address only: this depot's, in place of the one that the bundle has.
    location ^~ /galaxy/api/ {
      root ${paths.current};
      types { application/json json; }
      try_files $uri $uri/index.json =404;
      sub_filter_types application/json;
      sub_filter_once off;
      sub_filter "https://registry.invalid/" "https://depot.${domain}:${DEPOT_PORT}/";
    }
    # Where a project's own package-lock.json has the registry keep a tarball; the tree cannot have NAME as file and folder.
    location ~ ^/npm/(?<package>(?:@[^/]+/)?[^/@][^/]*)/-/(?<tarball>[^/]+)$ {
      root ${paths.current};
      try_files /npm/_tarballs/$package/$tarball =404;
    }
    location ~ ^/(npm|pypi|maven|go|terraform|galaxy|git|rpm|files)/ {
      root ${paths.current};
      types { text/html html; application/json json; }
      index index.html index.json;
      try_files $uri $uri/index.json $uri/index.html =404;
    }
  }
}
`
}

/** Drop-in of nginx.service: never root, no capability, key by systemd credential, nothing writable but its own run folder. */
export function nginxUnit(paths: HostPaths): string {
  const { config } = nginxFiles(paths)
  return `# Written by Sallyport; changes are overwritten.
[Unit]
# Debian starts nginx as soon as its package is there: not before the depot has something to serve.
ConditionPathExists=${config}

[Service]
Type=exec
PIDFile=
ExecStartPre=
ExecStartPre=/usr/sbin/nginx -t -q -c ${config}
ExecStart=
ExecStart=/usr/sbin/nginx -c ${config}
# systemd shows credentials to what it starts, not to a test before a reload: what does not fit leaves the old one at work.
ExecReload=
ExecReload=/bin/kill -HUP $MAINPID
ExecStop=
KillSignal=SIGQUIT
Restart=on-failure
RestartSec=2
User=www-data
Group=www-data
LoadCredential=key.pem:${paths.pki}/depot/key.pem
LoadCredential=cert.pem:${paths.pki}/depot/cert.pem
RuntimeDirectory=sallyport-depot
RuntimeDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
MemoryMax=512M
TasksMax=64
`
}

/**
 * Takes over who may vouch for a caller, and what is revoked: from what the role certificates hands out (the site's choice
 * for a list that is out of date is made there), before that from the engine's own files. A renewed certificate of the
 * depot needs a new start, since systemd shows a credential once; anything else a reload.
 */
export function refreshScript(paths: HostPaths): string {
  const { trust, config } = nginxFiles(paths)
  return `#!/bin/sh
# Written by Sallyport; changes are overwritten.
set -eu
umask 022
from=${paths.tls}/depot/current
[ -d "$from" ] || from=${paths.pki}
mkdir -p ${trust}
put() { cmp -s - "${trust}/$1" < "${trust}/$1.new" && rm "${trust}/$1.new" || mv -f "${trust}/$1.new" "${trust}/$1"; }
cat "$from/ca.pem" > ${trust}/ca.pem.new
put ca.pem
if [ -s "$from/crl.pem" ]; then
  cat "$from/crl.pem" > ${trust}/crl.pem.new
  put crl.pem
  echo 'ssl_crl ${trust}/crl.pem;' > ${trust}/crl.conf.new
else
  : > ${trust}/crl.conf.new
fi
put crl.conf
: > ${trust}/revoked.map.new
[ ! -f "$from/revoked.json" ] || sed -n 's/.*"serial": "\\([0-9a-f]*\\)".*/\\1/p' "$from/revoked.json" | tr a-f A-F | sed 's/$/ 1;/' > ${trust}/revoked.map.new
put revoked.map
[ -f ${config} ] || exit 0
systemctl --quiet is-active nginx.service || exit 0
for file in key.pem cert.pem; do
  cmp -s "${CREDENTIALS}/$file" "${paths.pki}/depot/$file" || exec systemctl restart nginx.service
done
exec systemctl reload nginx.service
`
}
