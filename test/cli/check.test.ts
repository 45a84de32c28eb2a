import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'framegate-check-'));
after(() => rmSync(folder, { recursive: true }));

const module = JSON.stringify(join(import.meta.dirname, '../../src/cli/check.ts'));
const program = `process.exitCode = await (await import(${module})).check(process.argv.slice(1));`;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Colours are forced in some build environments, where they would be in the way here.
const env = { ...process.env, FORCE_COLOR: undefined };

/** Runs in the folder, so that files are named as a person there would name them. */
function check(...argv: readonly string[]): Outcome {
  return checkWithInput('', ...argv);
}

function checkWithInput(input: string, ...argv: readonly string[]): Outcome {
  const node = ['--input-type=module', '--eval', program, '--', ...argv];
  const { status, stdout, stderr } = spawnSync(process.execPath, node, {
    cwd: folder,
    encoding: 'utf8',
    env,
    input,
  });
  return { code: status, stdout, stderr };
}

function write(name: string, ...lines: readonly string[]): void {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
}

const listeners = 'listeners: [{ address: "127.0.0.1:8080" }]';
const upstreams = 'upstreams: { service: { endpoints: ["127.0.0.1:50051"] } }';

test('a usable configuration is summed up', () => {
  write('good.yaml', listeners, 'routes: [{ match: { path: /* }, upstream: service }]', upstreams);
  assert.deepEqual(check('-c', 'good.yaml'), {
    code: 0,
    stdout: 'good.yaml: ok (1 listener, 1 route, 1 upstream)\n',
    stderr: '',
  });
});

test('a limit of memory that serves nobody is a warning', () => {
  write(
    'little.yaml',
    'listeners: [{ address: 127.0.0.1:8080 }]',
    'upstreams: { voice: { endpoints: [127.0.0.1:50051] } }',
    'routes: [{ match: { path: /* }, upstream: voice }]',
    'workers: 2',
    'limits: { memory: 200MiB }',
  );
  const { code, stdout } = check('little.yaml');
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^little\.yaml:5:19 limits\.memory – warning: is too little for 2 processes: .*256MiB/,
  );
});

test('warnings come before the summary and do not fail', () => {
  write(
    'warned.yaml',
    listeners,
    'routes: [{ match: { path: /* }, upstream: service }]',
    'upstreams:',
    '  service: { endpoints: ["127.0.0.1:50051"] }',
    '  spare: { endpoints: ["127.0.0.1:50052"] }',
  );
  assert.deepEqual(check('--config', 'warned.yaml'), {
    code: 0,
    stdout:
      'warned.yaml:5:3 upstreams.spare – warning: no route leads to this upstream\n' +
      'warned.yaml: ok (1 listener, 1 route, 2 upstreams)\n',
    stderr: '',
  });
});

test('every problem is told: of the YAML, of the routes among each other, and of missing files', () => {
  write(
    'bad.yaml',
    'listeners:',
    '  - address: 127.0.0.1:8443',
    '    tls: { certificates: [{ cert: certs/server.crt, key: certs/server.key }] }',
    'routes:',
    '  - { name: one, match: { path: /x }, upstream: service }',
    '  - { name: two, match: { path: /x }, upstream: service }',
    upstreams,
    'workers: 0',
  );
  const { code, stdout, stderr } = check('-c', 'bad.yaml');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  const hint = '(npm run certs makes certificates for development)';
  assert.deepEqual(stderr.split('\n'), [
    `bad.yaml:3:35 listeners[0].tls.certificates[0].cert – certs/server.crt does not exist ${hint}`,
    `bad.yaml:3:58 listeners[0].tls.certificates[0].key – certs/server.key does not exist ${hint}`,
    "bad.yaml:6:25 routes[1].match – matches the same requests as route 'one' (remove one of the two)",
    'bad.yaml:8:10 workers – must be at least 1',
    '',
  ]);
});

test('without config.yaml it says where to start', () => {
  const { code, stderr } = check();
  assert.equal(code, 1);
  assert.match(stderr, /there is no config\.yaml \(framegate init writes one; .*-c\)/);
});

test('bad options are refused with the usage', () => {
  for (const [argv, says] of [
    [['--colour'], /there is no option --colour\.\n/],
    [['--confg', 'x.yaml'], /there is no option --confg\. Did you mean --config\?/],
    [['-f', 'x.yaml'], /there is no option -f\. Did you mean --config\?/],
    [['-c'], /--config needs a value behind it/],
    [['--help=yes'], /--help takes no value/],
    [['one.yaml', 'two.yaml'], /"two\.yaml" is one word too many/],
    [['one.yaml', '-c', 'two.yaml'], /two files are named, two\.yaml and one\.yaml/],
  ] as const) {
    const { code, stdout, stderr } = check(...argv);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^framegate check: .+\n\nUsage: framegate check/);
    assert.match(stderr, says);
  }
});

const good = [listeners, 'routes: [{ match: { path: /* }, upstream: service }]', upstreams];

test('the file may be named without -c', () => {
  write('named.yaml', ...good);
  assert.deepEqual(check('named.yaml'), {
    code: 0,
    stdout: 'named.yaml: ok (1 listener, 1 route, 1 upstream)\n',
    stderr: '',
  });
});

test('a dash is standard input', () => {
  for (const argv of [['-c', '-'], ['-']]) {
    assert.equal(
      checkWithInput(good.join('\n'), ...argv).stdout,
      '-: ok (1 listener, 1 route, 1 upstream)\n',
    );
  }
  assert.match(checkWithInput('listen 80;\n', '-').stderr, /^-:1:1 – is a configuration of nginx/);
});

test('a folder, and a file below a file, are told from one that is not there', () => {
  write('plain', 'x');
  assert.match(check('.').stderr, /^\.:1:1 – cannot be read: it is a folder/);
  assert.match(check('plain/config.yaml').stderr, /cannot be read: a part of its path is a file/);
});

test('--help tells the usage', () => {
  const { code, stdout, stderr } = check('--help');
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: framegate check/);
  assert.equal(stderr, '');
});
