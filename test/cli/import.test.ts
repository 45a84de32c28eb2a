import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'framegate-import-'));
after(() => rmSync(folder, { recursive: true }));

const main = join(import.meta.dirname, '../../src/main.ts');
// Colours are forced in some build environments, where they would be in the way here.
const env = { ...process.env, FORCE_COLOR: undefined };

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function framegate(argv: readonly string[], input = ''): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], {
    cwd: folder,
    encoding: 'utf8',
    env,
    input,
  });
  return { code: status, stdout, stderr };
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

const good = `events { }
http {
  server {
    listen 8080 http2;
    location /voice.VoiceAssistant/ { grpc_pass grpc://127.0.0.1:50051; grpc_read_timeout 1h; }
  }
}
`;
const refusing = good.replace('listen 8080', 'auth_request /x; listen 8080');
write('nginx.conf', good);
write('refusing.conf', refusing);

test('the configuration goes to standard output, the report to standard error, and the former passes check', () => {
  const { code, stdout, stderr } = framegate(['import', 'nginx.conf']);
  assert.equal(code, 0);
  assert.match(stdout, /^# Made by framegate import of nginx\.conf\./);
  assert.match(stdout, /path: \/voice\.VoiceAssistant\/\* # nginx\.conf:5/);
  assert.match(
    stderr,
    /^5 directives are carried over, 2 changed, 0 not supported\. --all lists those .*\n\nChanged, and why \(2\):\n {2}nginx\.conf:1 {2}events/,
  );
  assert.match(stderr, /nginx\.conf:5 {2}grpc_read_timeout 1h\n {6}left out: calls may be silent/);
  assert.doesNotMatch(stderr, /Carried over/);
  assert.match(framegate(['import', '--all', 'nginx.conf']).stderr, /^Carried over \(5\):$/m);
  write('made.yaml', stdout);
  assert.deepEqual(framegate(['check', 'made.yaml']), {
    code: 0,
    stdout: 'made.yaml: ok (1 listener, 1 route, 1 upstream)\n',
    stderr: '',
  });
});

test('-o writes a file, and overwrites none without --force', () => {
  const first = framegate(['import', 'nginx.conf', '-o', 'out.yaml']);
  assert.equal(first.code, 0);
  assert.match(
    first.stdout,
    /^out\.yaml is written\.\n\n5 directives are carried over, 2 changed, 0 not supported\. .*\n\nChanged/,
  );
  assert.equal(first.stderr, '');
  assert.match(first.stdout, /\n\nNext: framegate check -c out\.yaml\n$/);
  const text = readFileSync(join(folder, 'out.yaml'), 'utf8');
  write('out.yaml', 'mine');
  const second = framegate(['import', 'nginx.conf', '-o', 'out.yaml']);
  assert.deepEqual([second.code, second.stdout], [1, '']);
  assert.match(second.stderr, /out\.yaml is there already; name another file, or overwrite it with --force/);
  assert.equal(readFileSync(join(folder, 'out.yaml'), 'utf8'), 'mine');
  assert.equal(framegate(['import', 'nginx.conf', '-o', 'out.yaml', '--force']).code, 0);
  assert.equal(readFileSync(join(folder, 'out.yaml'), 'utf8'), text);
});

test('what decides who may connect and is lost makes the exit code 1, and stands at the head of the file', () => {
  const { code, stdout, stderr } = framegate(['import', 'refusing.conf']);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^# NOT CARRIED OVER, though it decides who may connect\..*\n# {3}refusing\.conf:4 {2}auth_request …$/m,
  );
  assert.match(stderr, /refusing\.conf:4 {2}auth_request … \[decides who may connect\]/);
  assert.match(
    stderr,
    /1 of the directives that decide who may connect could not be carried over: exit code 1\./,
  );
});

test('check of what was imported says how much of nginx is not carried over, until its remarks are removed', () => {
  framegate(['import', 'refusing.conf', '-o', 'refusing.yaml']);
  const ok = 'refusing.yaml: ok (1 listener, 1 route, 1 upstream)\n';
  const note =
    'refusing.yaml:3:1 – note: 1 part of the nginx configuration was not carried over, first refusing.conf:4  auth_request … (settle each, then remove its remark)\n';
  assert.deepEqual(framegate(['check', 'refusing.yaml']), { code: 0, stdout: ok + note, stderr: '' });
  write('refusing.yaml', readFileSync(join(folder, 'refusing.yaml'), 'utf8').replaceAll(/^ *#.*\n/gm, ''));
  assert.deepEqual(framegate(['check', 'refusing.yaml']), { code: 0, stdout: ok, stderr: '' });
});

test('calls that go elsewhere make the exit code 1, and stand at the head of the file', () => {
  write(
    'moved.conf',
    good.replace(
      'location',
      'location / { proxy_pass http://127.0.0.1:1; } location = /up { return 200 $host; }\nlocation',
    ),
  );
  const { code, stdout, stderr } = framegate(['import', 'moved.conf']);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^# NOT CARRIED OVER, and calls go elsewhere.*\n# {3}moved\.conf:5 {2}location = \/up \{ \}$/m,
  );
  assert.match(stderr, /moved\.conf:5 {2}location = \/up \{ \} \[calls go elsewhere\]/);
  assert.match(stderr, /By 1 of the directives that decide where calls go, .* exit code 1\./);
});

test('what nginx -T prints comes by standard input', () => {
  const dump = `# configuration file /etc/nginx/nginx.conf:\nhttp { include conf.d/*.conf; }\n# configuration file /etc/nginx/conf.d/a.conf:\n${good
    .split('\n')
    .slice(2, -2)
    .join('\n')}`;
  const { code, stdout } = framegate(['import', '-'], dump);
  assert.equal(code, 0);
  assert.match(stdout, /# conf\.d\/a\.conf:3|# \/etc\/nginx\/conf\.d\/a\.conf:3/);
});

test('an empty standard input says why nginx -T may have printed nothing', () => {
  const { code, stderr } = framegate(['import', '-'], '\n');
  assert.equal(code, 1);
  assert.match(stderr, /^<stdin>:1: nothing came in: nginx -T prints its errors on standard error/);
});

test('certificates that this machine has not are named, and the file is written', () => {
  write(
    'tls.conf',
    good.replace('8080 http2;', '8443 ssl http2; ssl_certificate gone.pem; ssl_certificate_key gone.key;'),
  );
  const { code, stdout } = framegate(['import', 'tls.conf', '-o', 'tls.yaml']);
  assert.equal(code, 0);
  assert.match(stdout, /framegate check on this machine[^]*tls\.yaml:\d+:\d+ .*gone\.pem does not exist/);
  assert.ok(existsSync(join(folder, 'tls.yaml')));
});

test('faults of the input are named by file and line, from where the person is', () => {
  mkdirSync(join(folder, 'etc'));
  write('etc/broken.conf', 'http {\n  include gone.conf;\n  server { listen 80 }\n}\n');
  const { code, stdout, stderr } = framegate(['import', 'etc/broken.conf']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.equal(stderr, "etc/broken.conf:3: a ';' is missing behind this directive: a '}' follows\n");
});

test('a configuration of which nothing can be served writes nothing', () => {
  write('static.conf', 'server { listen 80; root html; }');
  const { code, stdout, stderr } = framegate(['import', 'static.conf', '-o', 'static.yaml']);
  assert.equal(code, 1);
  assert.match(stdout, /^Not supported/);
  assert.match(stderr, /nothing is written: no location passes calls to a service/);
  assert.ok(!existsSync(join(folder, 'static.yaml')));
});

test('mistakes of the command line are sentences', () => {
  const usage = /Usage: framegate import NGINX_CONF/;
  assert.match(framegate(['import', '--help']).stdout, usage);
  const nothing = framegate(['import']);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /name the configuration of nginx/);
  assert.match(framegate(['import', 'a', 'b']).stderr, /"b" is one word too many/);
  assert.match(framegate(['import', 'no.conf']).stderr, /^no\.conf:1: cannot be read: there is no such file/);
  assert.match(
    framegate(['import', 'nginx.conf', '-o', 'no/out.yaml']).stderr,
    /no\/out\.yaml cannot be written: there is no such folder/,
  );
  assert.match(framegate(['migrate']).stderr, /Did you mean: framegate import\?/);
});
