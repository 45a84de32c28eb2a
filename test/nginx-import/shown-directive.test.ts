// What an import prints of a configuration holds no secret of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImportedConfiguration, importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport, headOf } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';

function importText(text: string): ImportedConfiguration {
  const reading = readNginxText(text, 'nginx.conf', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  return importNginx(reading.configuration);
}

const pass = 'location / { grpc_pass grpc://127.0.0.1:50051; }';

test('a password in an address is not shown, with and without a scheme, whatever characters it holds', () => {
  for (const target of [
    'proxy_pass http://user:hidden@host/',
    'proxy_pass http://user:p@hidden@host:1',
    'proxy_pass http://user:p/hidden?hidden@host/a',
    'proxy_pass https://host/a?token=hidden',
    'grpc_pass user:hidden@127.0.0.1:1',
    'grpc_pass grpc://user:hidden@$host',
  ]) {
    const imported = importText(`server { listen 80; ${pass} location /a { ${target}; } }`);
    assert.doesNotMatch(`${formatReport(imported)}${headOf(imported, 'x')}${imported.yaml}`, /hidden/);
    assert.match(
      formatReport(imported),
      /(grpc|proxy)_pass ((https?|grpc):\/\/)?(…@(127|host|\$host)|host\/a\?…)/,
    );
  }
});

test('an expression is shown if the output holds its paths; another one may list tokens', () => {
  const text = (location: string) => `server { listen 80; location ${location} { grpc_pass u:1; } ${pass} }`;
  for (const location of [
    '~ ^/hook/(hidden1|hidden2)+$',
    '~^/(?<token>hidden)',
    '~* hidden',
    '"~" ^/hidden.*x',
  ]) {
    const imported = importText(text(location));
    assert.doesNotMatch(
      `${formatReport(imported)}${headOf(imported, 'x')}${imported.yaml}`,
      /hidden/,
      location,
    );
    assert.match(formatReport(imported), location.startsWith('~*') ? /location ~\* … \{/ : /location ~ … \{/);
  }
  assert.match(formatReport(importText(text('~ ^/a\\.B/'))), /location ~ \^\/a\\\.B\/ \{ \}/);
  const names = importText(
    `server { listen 80; server_name "~^hidden" a.example; error_page 403 /x?t=hidden; ${pass} }`,
  );
  assert.doesNotMatch(`${formatReport(names)}${headOf(names, 'x')}${names.yaml}`, /hidden/);
});

test('no word of a directive that may hold a secret is shown, of modules that are not known neither', () => {
  const provider = 'oidc_provider p { issuer "https://i.example"; client_id hidden; client_secret hidden; }';
  const top = `${provider}
    split_clients "\${remote_addr}hidden" $variant { 50% a; * b; }
    map "$remote_addr-hidden" $to { default a; hidden b; }
    limit_req_zone "\${remote_addr}hidden" zone=rate:1m rate=10r/s;
    client_secret_file hidden; worker_api_token hidden; keepalive_secret hidden; gzip_key hidden; tcp_password hidden;
    session_key_timeout hidden; ticket_buffer hidden; http2_auth hidden; types_hash_salt hidden; keys { HIDDEN one; }
    my_set_header hidden; my_next_upstream hidden; log_format main hidden;`;
  const inside = `auth_oidc p; set $salt hidden; return 200 hidden; mirror /m?hidden; add_header x hidden; ${[
    'secure_link_md5 hidden',
    'grpc_set_header x hidden',
    'proxy_ssl_password_file hidden',
    'my_ssl_verify hidden',
    'auth_jwt hidden',
    'my_hide_header hidden',
  ].join('; ')};`;
  const hash =
    'upstream u { hash "${remote_addr}hidden" consistent; server 127.0.0.1:1 weight=2 route=hidden; }';
  const imported = importText(
    `${top} ${hash} server { listen 80; ${inside} location / { grpc_pass u; apiKey hidden; } }`,
  );
  const report = formatReport(imported);
  assert.doesNotMatch(`${report}${headOf(imported, 'x')}${imported.yaml}`, /hidden/i);
  assert.match(report, /split_clients … /);
  assert.match(report, /limit_req_zone … zone=rate:1m rate=10r\/s/);
  assert.match(report, /client_secret …/);
  assert.match(report, /server 127\.0\.0\.1:1 weight=2 route=…/);
});
