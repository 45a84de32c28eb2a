// Rules of nginx about who may call, as `access` of routes, identities, and certificates that listeners ask for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { placeText } from '../../src/nginx-import/directive.ts';
import { type ImportedConfiguration, importNginx, lostAccess } from '../../src/nginx-import/import-nginx.ts';
import { formatReport } from '../../src/nginx-import/import-report.ts';
import { readNginxText } from '../../src/nginx-import/nginx-files.ts';
import { verifyImport } from '../../src/nginx-import/verify-import.ts';

const pass = 'grpc_pass grpc://127.0.0.1:50051;';
const ALL = ['0.0.0.0/0', '::/0', 'unix:'];

function importText(text: string, users: Readonly<Record<string, string>> = {}): ImportedConfiguration {
  const reading = readNginxText(text, 'x', '/etc/nginx');
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  const imported = importNginx({ ...reading.configuration, userFiles: new Map(Object.entries(users)) });
  const { problems, isUsable } = verifyImport(imported.yaml ?? '', '/etc/framegate/config.yaml');
  assert.ok(isUsable, JSON.stringify(problems));
  return imported;
}

interface Written {
  readonly listeners: readonly { readonly tls?: { readonly clientAuth?: unknown } }[];
  readonly routes: readonly { readonly match: { readonly path: string }; readonly access?: unknown }[];
  readonly identities?: Readonly<Record<string, unknown>>;
}

function written({ yaml }: ImportedConfiguration): Written {
  const document: Written = parse(yaml ?? '');
  return document;
}

function isLost(text: string): boolean {
  return lostAccess(importText(text)).length > 0;
}

function verifyingServer(name: string, rules: string): string {
  return `server { ${tls} server_name ${name}; ${rules} location / { ${pass} } }`;
}

/** Whether rules by address are lost. */
function isLostBehind(before: string, listen = 'listen 80;'): boolean {
  const rules = 'allow 192.0.2.0/24; deny all;';
  return isLost(`${before} server { ${listen} location / { ${rules} ${pass} } }`);
}

function website(rules: string): string {
  return `server { listen 80; location / { proxy_pass http://127.0.0.1:1; }
    location /admin/ {\n${rules} proxy_pass http://127.0.0.1:1; } }`;
}

/** @returns the access of the only route, which is said to be complete */
function accessOf(rules: string): unknown {
  const imported = importText(`server { listen 80; location / { ${rules} ${pass} } }`);
  assert.deepEqual(lostAccess(imported), [], rules);
  return written(imported).routes[0].access;
}

test('addresses and passwords are asked for together, or one of them with satisfy any', () => {
  const password = 'auth_basic x; auth_basic_user_file f;';
  const office = 'allow 10.0.0.0/8; deny all;';
  assert.deepEqual(accessOf(office), { allow: [{ client: ['10.0.0.0/8'] }] });
  assert.deepEqual(accessOf('deny 10.0.0.1;'), {
    allow: [{ client: ALL }],
    deny: [{ client: ['10.0.0.1'] }],
  });
  assert.deepEqual(accessOf(password), { require: ['users'] });
  assert.deepEqual(accessOf(`${office} ${password}`), {
    require: ['users'],
    allow: [{ client: ['10.0.0.0/8'] }],
  });
  assert.deepEqual(accessOf(`deny 10.0.0.1; ${password} satisfy all;`), {
    require: ['users'],
    deny: [{ client: ['10.0.0.1'] }],
  });
  assert.deepEqual(accessOf(`satisfy any; ${office} ${password}`), {
    allow: [{ client: ['10.0.0.0/8'] }, { identity: 'users' }],
  });
  assert.deepEqual(accessOf(`satisfy any; deny all; ${password}`), { allow: [{ identity: 'users' }] });
  assert.equal(accessOf(`satisfy any; allow all; ${password}`), undefined);
  assert.deepEqual(accessOf(`satisfy any; ${office}`), { allow: [{ client: ['10.0.0.0/8'] }] });
});

test('addresses that are all denied, one after the other, serve nobody', () => {
  const denied = { client: ALL };
  assert.deepEqual(accessOf('deny 0.0.0.0/0; deny ::/0; deny unix:;'), { allow: [denied], deny: [denied] });
});

test('with satisfy any an address that is denied may call with a password', () => {
  assert.deepEqual(
    accessOf('satisfy any; deny 10.0.0.0/31; allow 10.0.0.0/30; auth_basic x; auth_basic_user_file f;'),
    {
      allow: [{ client: ['10.0.0.2/31'] }, { identity: 'users' }],
    },
  );
});

test('where one half of auth_basic is missing nobody is asked, as in nginx', () => {
  assert.equal(accessOf('auth_basic x;'), undefined);
  assert.equal(accessOf('auth_basic_user_file f;'), undefined);
  assert.equal(accessOf('auth_basic off; auth_basic_user_file f;'), undefined);
});

test('what cannot be said leaves the rest closed', () => {
  const imported = importText(
    `server { listen 80; location / {\nsatisfy any; allow 10.0.0.0/8; deny all;\nauth_request /auth;\n${pass} } }`,
  );
  assert.deepEqual(written(imported).routes[0].access, { allow: [{ client: ['10.0.0.0/8'] }] });
  assert.deepEqual(lostAccess(imported).map(placeText), ['x:3']);
});

test('one location that cannot say a rule does not hide that it is lost there', () => {
  const rules = '\nallow 10.0.0.0/8; deny all;';
  const imported = importText(`server { listen 80; ${rules}
    location /a/ { ${pass} } location /b/ { set_real_ip_from 10.0.0.1; ${pass} } }`);
  assert.deepEqual(lostAccess(imported).map(placeText), ['x:2', 'x:2']);
  assert.match(
    imported.yaml ?? '',
    /# NOT CARRIED OVER, and it decides who may call: allow \(x:2\), deny \(x:2\)\n.*\n.*\n.*\/b\//,
  );
});

test('addresses behind proxies are those of the client where both read them alike', () => {
  assert.ok(!isLostBehind('set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;'));
  assert.ok(isLostBehind('set_real_ip_from 10.0.0.0/8;'), 'X-Real-IP');
  assert.ok(
    isLostBehind('set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; real_ip_recursive on;'),
  );
  assert.ok(isLostBehind('', 'listen 80 proxy_protocol;'), 'the address of the load balancer');
  assert.ok(
    !isLostBehind('set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;', 'listen 80 proxy_protocol;'),
  );
  const trusting = `server { listen 80; server_name b; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; location / { ${pass} } }`;
  assert.ok(isLostBehind(trusting), 'the servers of one address trust different proxies');
  assert.ok(isLostBehind(trusting.replace('80', '[::]:80')), 'which may become one listener');
  assert.ok(!isLostBehind(trusting.replace('80', '81')));
});

test('users are named with the kind of their hash, and no hash is shown', () => {
  const salt = 'c2FsdHNhbHRzYWx0';
  const scrypt = `$scrypt$ln=15,r=8,p=1$${salt}$${salt}${salt}${salt}`;
  const text = `server { listen 80; location / { auth_basic x; auth_basic_user_file f; ${pass} } }`;
  const mixed = importText(text, {
    f: `# users\nalice:$apr1$SECRET\nbob:${scrypt}\ncarol:{PLAIN}SECRET:SECRET\n`,
  });
  assert.deepEqual(written(mixed).identities, { users: { basic: { file: '/etc/nginx/f.scrypt' } } });
  const report = formatReport(mixed);
  assert.match(report, /copy the lines with scrypt to \/etc\/nginx\/f\.scrypt, and hash these users again/);
  assert.match(report, /alice \(MD5 \(apr1\)\), carol \(no hash\)/);
  assert.doesNotMatch(`${report}${mixed.yaml}`, /SECRET|c2Fs|bob/);
  const good = importText(text, { f: `bob:${scrypt}\n` });
  assert.deepEqual(written(good).identities, { users: { basic: { file: '/etc/nginx/f' } } });
  assert.match(formatReport(importText(text)), /its users have to be hashed again/);
});

const tls = 'listen 443 ssl; ssl_certificate /c.pem; ssl_certificate_key /k.pem;';
const clients = 'ssl_client_certificate ca.pem; ssl_crl crl.pem;';
const files = { ca: '/etc/nginx/ca.pem', crl: '/etc/nginx/crl.pem' };

test('a listener whose servers all verify clients turns the others away', () => {
  const imported = importText(`server { ${tls} ${clients} ssl_verify_client on; location / { ${pass} } }`);
  assert.deepEqual(lostAccess(imported), []);
  assert.deepEqual(written(imported).listeners[0].tls?.clientAuth, { ...files, mode: 'require' });
  assert.equal(written(imported).routes[0].access, undefined);
});

test('where one of several servers of an address verifies clients, its routes ask for the certificate', () => {
  const imported = importText(`server { ${tls} server_name a; location / { ${pass} } }
    server { ${tls} server_name b; ${clients} ssl_verify_client on; location / { ${pass} } }`);
  assert.deepEqual(lostAccess(imported), []);
  const { listeners, routes, identities } = written(imported);
  assert.deepEqual(listeners[0].tls?.clientAuth, { ...files, mode: 'request' });
  assert.deepEqual(
    routes.map(({ access }) => access),
    [undefined, { require: ['client-certificates'] }],
  );
  assert.deepEqual(identities, { 'client-certificates': { clientCertificate: {} } });
});

test('a condition that refuses clients without a certificate is said by access', () => {
  const refusing = 'if ($ssl_client_verify != SUCCESS) { return 403; }';
  const imported = importText(`server { ${tls} ${clients} ssl_verify_client optional;
    location /open/ { ${pass} } location /closed/ { ${refusing} ${pass} }
    location /both/ { ${refusing} auth_basic x; auth_basic_user_file f; ${pass} } }`);
  assert.deepEqual(lostAccess(imported), []);
  assert.deepEqual(
    written(imported).routes.map(({ access }) => access),
    [
      undefined,
      { require: ['client-certificates'] },
      { require: ['client-certificates'], allow: [{ identity: 'users' }] },
    ],
  );
});

test('a condition about certificates that some routes of its server cannot say is lost', () => {
  const refusing = 'if ($ssl_client_verify != SUCCESS) { return 403; }';
  const server = `server { ${tls} ${clients} ssl_verify_client optional;\n${refusing}
    location /a/ { ${pass} } location /b/ { return 200 "b"; } }`;
  assert.ok(lostAccess(importText(server)).length > 0);
  const unasked = `server { ${tls} ${refusing} location /a/ { ${pass} } }`;
  assert.ok(lostAccess(importText(unasked)).length > 0, 'no certificate is asked for');
});

test('certificates that a listener cannot tell apart are lost', () => {
  assert.ok(isLost(verifyingServer('a', `${clients} ssl_verify_client optional_no_ca;`)));
  assert.ok(isLost(verifyingServer('a', 'ssl_verify_client on;')), 'no authorities');
  assert.ok(
    isLost(
      verifyingServer('a', `${clients} ssl_verify_client on;`) +
        verifyingServer('b', 'ssl_client_certificate other.pem; ssl_verify_client on;'),
    ),
  );
});

test('a path for some clients is lost where other spellings of it reach its service by a wider route', () => {
  const rules = 'allow 10.0.0.0/8; deny all;';
  assert.deepEqual(lostAccess(importText(website(rules))).map(placeText), ['x:2']);
  assert.deepEqual(lostAccess(importText(website('').replace('{ listen', `{ ${rules} listen`))), []);
});
