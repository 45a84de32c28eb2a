import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseDoctorOptions } from '../../src/cli/doctor.ts';
import { freePort } from '../support/free-port.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-doctor-'));
after(() => rmSync(folder, { recursive: true }));

const main = join(import.meta.dirname, '../../src/main.ts');
// Colours are forced in some build environments, where they would be in the way here.
const env = { ...process.env, FORCE_COLOR: undefined };

function framegate(...argv: readonly string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], {
    cwd: folder,
    encoding: 'utf8',
    env,
    maxBuffer: 16 * 1_048_576,
  });
  return { code: status, stdout, stderr };
}

async function write(name: string): Promise<void> {
  const [port, closed] = [await freePort(), await freePort()];
  writeFileSync(
    join(folder, name),
    `listeners: [{ address: "127.0.0.1:${port}" }]
routes: [{ match: { path: /* }, upstream: service }]
upstreams: { service: { endpoints: ["127.0.0.1:${closed}"] } }
admin: off
`,
  );
}

test('what failed is told with cause, code and page, and the exit code is 1', async () => {
  await write('closed.yaml');
  const { code, stdout, stderr } = framegate('doctor', '-c', 'closed.yaml');
  assert.equal(stderr, '');
  assert.equal(code, 1);
  assert.match(stdout, /✖ 127\.0\.0\.1:\d+ refused the connection: is the service running there\?/);
  assert.match(stdout, /FG2001: docs\/diagnoses\/FG2001\.md/);
  assert.match(stdout, /– 3 checks: skipped because “service 127\.0\.0\.1:\d+: accepts connections” failed/);
  assert.match(stdout, /Fix this first\n✖ service 127/);
  assert.match(stdout, /^✔ Configuration: 2 checks passed$/m);
  assert.match(framegate('doctor', '--help').stdout, /Usage: framegate doctor/);
  assert.ok(!stdout.includes('\u001b'), 'no colours without a terminal');
});

test('--json prints one object, and --only makes the wanted checks alone', async () => {
  await write('json.yaml');
  const { code, stdout } = framegate('doctor', '-c', 'json.yaml', '--json', '--only', 'config,host');
  assert.equal(code, 0);
  const report: unknown = JSON.parse(stdout);
  assert.ok(
    typeof report === 'object' && report !== null && 'checks' in report && Array.isArray(report.checks),
  );
  const groups = new Set(report.checks.map((check: { readonly group: string }) => check.group));
  assert.deepEqual([...groups], ['config', 'host']);
});

test('no part of a long report is lost on a pipe', async () => {
  await write('long.yaml');
  const short = readFileSync(join(folder, 'long.yaml'), 'utf8');
  // Each deadline is a risk with a finding of its own; together they are more than any pipe takes at once.
  const routes = Array.from(
    { length: 3000 },
    (_, index) => `  - { match: { path: /p.S${index}/* }, upstream: service, timeouts: { deadline: 1s } }`,
  );
  const text = short.replace(/^routes: .*$/m, () => `routes:\n${routes.join('\n')}`);
  writeFileSync(join(folder, 'long.yaml'), text);
  const json = framegate('doctor', '-c', 'long.yaml', '--json', '--only', 'config');
  assert.equal(json.code, 0, json.stderr);
  assert.ok(json.stdout.length > 524_288, `${json.stdout.length} characters`);
  assert.doesNotThrow(() => JSON.parse(json.stdout));
  const told = framegate('doctor', '-c', 'long.yaml', '--only', 'config');
  assert.match(told.stdout, /Look at this first\n‼ no risky combinations\n.*\n.*\n.*\n$/);
});

test('a configuration from standard input is read once, by either name', async () => {
  await write('input.yaml');
  for (const name of ['-', '/dev/stdin']) {
    // A pipe, which the shell makes.
    const line = `cat input.yaml | "$@" doctor -c ${name} --only config`;
    const options = { cwd: folder, encoding: 'utf8', env } as const;
    const { status, stdout } = spawnSync('sh', ['-c', line, 'sh', process.execPath, main], options);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /1 listener, 1 route, 1 upstream/);
  }
});

test('--only that names no check of this run makes none, and says what is missing', async () => {
  await write('only.yaml');
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'upstream.renamed',
      /--only upstream\.renamed: there is no such check here\. The checks of upstream are upstream\.service\./,
    ],
    ['host.descriptor', /Did you mean host\.descriptors\?/],
    ['hold', /add --hold SECONDS/],
    ['target', /name a TARGET/],
    ['config,target.call', /--only target\.call: .*name a TARGET/],
  ];
  for (const [only, says] of cases) {
    const { code, stdout, stderr } = framegate('doctor', '-c', 'only.yaml', '--only', only);
    assert.equal(code, 1, only);
    assert.equal(stdout, '', only);
    assert.match(stderr, says);
  }
});

test('--only for a check that a broken configuration prevents says that it was skipped', () => {
  writeFileSync(join(folder, 'broken.yaml'), 'listeners: 7\n');
  const { stdout, stderr } = framegate('doctor', '-c', 'broken.yaml', '--only', 'upstream.service');
  assert.equal(stderr, '');
  assert.match(stdout, /skipped because “broken\.yaml can be used” failed/);
});

test('check --live tries ports and endpoints behind what check does', async () => {
  await write('live.yaml');
  assert.equal(framegate('check', 'live.yaml').code, 0);
  const { code, stdout } = framegate('check', 'live.yaml', '--live');
  assert.equal(code, 1);
  assert.match(stdout, /live\.yaml: ok .*\n\nPorts\n✔ listener/);
  assert.match(stdout, /refused the connection/);
  assert.ok(!stdout.includes('Through the proxy'));
  assert.match(framegate('check', '--live', '-c', '-').stderr, /--live needs the configuration in a file/);
});

function saysOf(...argv: readonly string[]): unknown {
  return parseDoctorOptions(argv);
}

test('wrong words are explained in a sentence', () => {
  assert.match(String(saysOf('-c', 'missing.yaml')), /there is no missing\.yaml/);
  assert.match(
    String(saysOf('--only', 'upstrem', 'a.example:1')),
    /there is no check upstrem\. Did you mean upstream\?/,
  );
  assert.match(String(saysOf('--hold', 'long', 'a.example:1')), /--hold takes seconds/);
  assert.match(String(saysOf('--method', 'Talk', 'a.example:1')), /--method takes a path/);
  assert.match(String(saysOf('ftp://a.example')), /TARGET cannot be used: there is no scheme/);
  assert.match(String(saysOf('--ca', 'missing.pem', 'a.example:1')), /missing\.pem cannot be read/);
  assert.equal(saysOf('--help'), 'help');
});

test('an option that would do nothing is refused with what it needs', () => {
  assert.match(String(saysOf('--method', '/a.B/C', '-c', main)), /add TARGET or --hold SECONDS/);
  assert.equal(typeof saysOf('--method', '/a.B/C', 'a.example:1'), 'object');
  assert.match(String(saysOf('-c', main, '--ca', main)), /--ca is the authority of TARGET/);
});

test('--only with a configuration that cannot be used says that the checks were not made, and why; the exit code is 1', () => {
  writeFileSync(join(folder, 'broken.yaml'), 'listener: []\n');
  for (const only of ['upstream', 'ports,host', 'through.some']) {
    const { code, stdout } = framegate('doctor', '-c', 'broken.yaml', '--only', only);
    assert.equal(code, 1, only);
    assert.match(stdout, /✖ broken\.yaml can be used\n {4}✖ broken\.yaml:1:1 routes – is missing/);
    assert.match(stdout, /skipped because “broken\.yaml can be used” failed/);
  }
});

test('--only shows what failed before it if the check could not be made for that, and nothing else', async () => {
  await write('before.yaml');
  const all = JSON.parse(framegate('doctor', '-c', 'before.yaml', '--json').stdout);
  const ids: readonly string[] = all.checks.map(({ id }: { readonly id: string }) => id);
  const health = ids.find((id) => id.startsWith('upstream.') && id.endsWith('.health')) ?? '';
  const { code, stdout } = framegate('doctor', '-c', 'before.yaml', '--json', '--only', health);
  assert.equal(code, 1);
  const shown = JSON.parse(stdout).checks;
  assert.deepEqual(
    shown.map(({ id, verdict }: { readonly id: string; readonly verdict: string }) => `${id} ${verdict}`),
    [`${health.replace(/health$/, 'connect')} failed`, `${health} skipped`],
  );
});
