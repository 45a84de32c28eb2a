// `framegate init`: what it writes passes check, and what is wrong with the answers is said before anything is written.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { configText, unitsFor } from '../../src/cli/init-files.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { testCertificate } from '../support/certificates.ts';
import { noTerminal, type OnTerminal, runOnTerminal } from '../support/terminal.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runIn(cwd: string, command: string, ...argv: readonly string[]): Outcome {
  const env = { ...process.env, FORCE_COLOR: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, command, ...argv], {
    cwd,
    env,
    encoding: 'utf8',
    input: '',
  });
  return { code: status, stdout, stderr };
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-init-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function folderWithCertificate(t: TestContext): Promise<string> {
  const folder = folderFor(t);
  const certificate = await testCertificate();
  writeFileSync(join(folder, 'fullchain.pem'), certificate.certPem);
  writeFileSync(join(folder, 'privkey.pem'), certificate.keyPem);
  return folder;
}

suite('framegate init', () => {
  test('with a certificate writes a configuration that passes check, and units that start it', async (t) => {
    const folder = await folderWithCertificate(t);
    const argv = ['--domain', 'grpc.example.com', '--service', '127.0.0.1:50051', '--cert', 'fullchain.pem'];
    const { code, stdout, stderr } = runIn(folder, 'init', ...argv, '--systemd', 'units');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^wrote config\.yaml\nwrote units\/framegate\.service\n/);
    const checked = runIn(folder, 'check');
    assert.deepEqual([checked.code, checked.stderr], [0, '']);
    assert.match(checked.stdout, /ok \(1 listener, 1 route, 1 upstream\)/);
    const service = readFileSync(join(folder, 'units/framegate.service'), 'utf8');
    assert.ok(
      service.includes(
        `\nExecStart=${process.execPath} --disable-sigusr1 --max-semi-space-size=4 ${main} serve -c ${join(folder, 'config.yaml')}\n`,
      ),
    );
    assert.ok(service.includes(`\nWorkingDirectory=${folder}\n`));
    assert.ok(existsSync(join(folder, 'units/framegate.service.d/certificates-of-a-group.conf')));
    assert.deepEqual(readdirSync(folder).toSorted(), [
      'config.yaml',
      'fullchain.pem',
      'privkey.pem',
      'units',
    ]);
  });

  test('what the comments of the configuration offer passes check', (t) => {
    const folder = folderFor(t);
    assert.equal(runIn(folder, 'init', '--domain', 'a.example', '--plaintext').code, 0);
    const file = join(folder, 'config.yaml');
    const offered = readFileSync(file, 'utf8')
      .replace(/endpoints: .*(dns: \{.*\})$/m, '$1')
      .replace('NAME', 'localhost')
      .replace('PORT', '50051')
      .replace(/# (host|health): /g, '$1: ');
    assert.match(offered, /^ {4}dns: .*\n {4}health: /m);
    assert.match(offered, /^ {6}host: a\.example/m);
    writeFileSync(file, offered);
    const { code, stderr } = runIn(folder, 'check');
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('without TLS no domain is needed, and the units ask systemd for no credentials and no invented service', (t) => {
    const folder = folderFor(t);
    const { code } = runIn(folder, 'init', '--plaintext', '--systemd', '.');
    assert.equal(code, 0);
    assert.doesNotMatch(
      readFileSync(join(folder, 'framegate.service'), 'utf8'),
      /LoadCredential|credentials|voice/,
    );
    assert.equal(runIn(folder, 'check').code, 0);
  });

  test('makes the folder of the configuration', (t) => {
    const folder = folderFor(t);
    const argv = ['--domain', 'localhost', '--plaintext', '-o', 'etc/framegate/config.yaml'];
    assert.deepEqual(runIn(folder, 'init', ...argv).code, 0);
    assert.deepEqual(readdirSync(join(folder, 'etc/framegate')), ['config.yaml']);
  });

  test('never replaces a file unless it is told to', (t) => {
    const folder = folderFor(t);
    writeFileSync(join(folder, 'config.yaml'), 'mine');
    const argv = ['--domain', 'localhost', '--plaintext'];
    const refused = runIn(folder, 'init', ...argv);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /config\.yaml exists already; --force replaces it/);
    assert.equal(readFileSync(join(folder, 'config.yaml'), 'utf8'), 'mine');
    assert.equal(runIn(folder, 'init', ...argv, '--force').code, 0);
    assert.match(readFileSync(join(folder, 'config.yaml'), 'utf8'), /^# Framegate in front of/);
  });

  test('a link that leads nowhere is a file as well', (t) => {
    const folder = folderFor(t);
    symlinkSync(join(folder, 'elsewhere.yaml'), join(folder, 'config.yaml'));
    const refused = runIn(folder, 'init', '--domain', 'localhost', '--plaintext');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /config\.yaml exists already; --force replaces it/);
    assert.ok(lstatSync(join(folder, 'config.yaml')).isSymbolicLink());
  });

  test('a file that is replaced keeps who may read it', (t) => {
    const folder = folderFor(t);
    const file = join(folder, 'config.yaml');
    writeFileSync(file, 'mine', { mode: 0o600 });
    assert.equal(runIn(folder, 'init', '--domain', 'localhost', '--plaintext', '--force').code, 0);
    assert.match(readFileSync(file, 'utf8'), /^# Framegate in front of/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('without a word the certificate is where the hook of certbot puts it, and so it is said everywhere', () => {
    const recipe = /\/etc\/framegate\/tls\/(?:NAME|\$\()/;
    for (const file of [
      'deploy/certbot/framegate',
      'deploy/systemd/certificates-of-a-group.conf',
      'docs/deployment.md',
    ])
      assert.match(readFileSync(join(import.meta.dirname, '../..', file), 'utf8'), recipe, file);
    const { stdout } = runIn('.', 'init', '--help');
    assert.match(stdout, recipe);
    assert.doesNotMatch(stdout, /letsencrypt/);
  });

  test('says what is missing or wrong, and writes nothing', async (t) => {
    const folder = await folderWithCertificate(t);
    for (const [argv, says] of [
      [[], /the name that clients call is missing: give --domain NAME/],
      [['--domain', 'https://grpc.example.com'], /'https:\/\/grpc\.example\.com' is not a host name/],
      [
        ['--domain', 'nowhere.example'],
        /\/etc\/framegate\/tls\/nowhere\.example\/fullchain\.pem: there is no such file: .*hook of certbot.*--plaintext/,
      ],
      [
        ['--domain', 'a.example', '--cert', 'fullchain.pem', '--key', 'none.key'],
        /none\.key: there is no such file: name the file with --key/,
      ],
      [
        ['--domain', 'a.example', '--cert', 'fullchain.pem', '--key', 'fullchain.pem'],
        /config\.yaml:\d+:\d+ listeners\[0\]/,
      ],
      [['--domain', 'a.example', '--plaintext', '--cert', 'fullchain.pem'], /give one of the two/],
      [
        ['--domain', 'a.example', '--plaintext', '--service', 'http://127.0.0.1:50051'],
        /--service: .*is a URL \(write 127/,
      ],
      [['--domain', 'a.example', '--plaintext', '--listen', '443'], /--listen: /],
      [
        ['--domain', 'a.example', '--plaintext', '-o', 'privkey.pem/config.yaml'],
        /nothing can be written into .*privkey\.pem: /,
      ],
      [
        ['--domain', 'a.example', '--plaintext', '--systemd', 'privkey.pem/units'],
        /privkey\.pem\/units\/framegate\.service cannot be written/,
      ],
      [
        ['--domain', 'a.example', '--plaintext', '-o', 'o\nExecStartPre=+id\nc.yaml', '--systemd', 'units'],
        /has control characters/,
      ],
      [['--domian', 'a.example'], /there is no option --domian\. Did you mean --domain/],
    ] as const) {
      const { code, stdout, stderr } = runIn(folder, 'init', ...argv);
      assert.deepEqual([code, stdout], [1, ''], `${argv.join(' ')}: ${stderr}`);
      assert.match(stderr, says);
      assert.deepEqual(readdirSync(folder).toSorted(), ['fullchain.pem', 'privkey.pem']);
    }
  });
});

suite('what init writes', () => {
  test('paths with spaces, quotes and marks of YAML arrive as they are', () => {
    for (const odd of [
      '/a b/c.pem',
      '/a"b.pem',
      "/it's.pem",
      '/a: b.pem',
      '/a#b.pem',
      '/a #b.pem',
      '/%n/$HOME.pem',
      '/@x,[y]{z}.pem',
      '/1.0',
    ]) {
      const text = configText({
        domain: 'a.example',
        service: '127.0.0.1:1',
        listen: '127.0.0.1:2',
        certificate: { cert: odd, key: odd },
      });
      const loaded = parseConfig(text, '/etc/framegate/config.yaml');
      assert.ok('config' in loaded, text);
      assert.equal(loaded.config.listeners[0]?.tls?.certificates[0]?.cert, odd);
    }
  });

  test('a line of ExecStart= keeps spaces, and neither variables nor specifiers of systemd work in it', () => {
    const [service] = unitsFor('/etc/frame gate/$x%n.yaml', ['/opt/node'], true);
    assert.match(
      service?.text ?? '',
      /^ExecStart=\/opt\/node serve -c "\/etc\/frame gate\/\$\$x%%n\.yaml"$/m,
    );
  });
});

function initOnTerminal(t: TestContext, cwd: string, ...argv: readonly string[]): Promise<OnTerminal> {
  return runOnTerminal(t, [process.execPath, main, 'init', ...argv], { cwd });
}

suite('framegate init on a terminal', { skip: noTerminal }, () => {
  test('asks for the name, the service and the certificate, and the answers are in the file', async (t) => {
    const folder = await folderWithCertificate(t);
    const terminal = await initOnTerminal(t, folder);
    await terminal.has('The name that clients call [localhost]: ');
    terminal.type('grpc.example.com\r');
    await terminal.has('The address of the gRPC service [127.0.0.1:50051]: ');
    terminal.type(' 127.0.0.1:7000 \r');
    await terminal.has('plaintext [/etc/framegate/tls/grpc.example.com/fullchain.pem]: ');
    terminal.type('fullchain.pem\r');
    assert.equal(await terminal.exit(), 0);
    assert.match(terminal.text(), /wrote config\.yaml/);
    const text = readFileSync(join(folder, 'config.yaml'), 'utf8');
    for (const part of ['grpc.example.com', '127.0.0.1:7000', 'fullchain.pem', 'privkey.pem'])
      assert.ok(text.includes(part), part);
    assert.equal(runIn(folder, 'check').code, 0);
  });

  test('takes the default for an empty line, asks for nothing that an option says, and none means plaintext', async (t) => {
    const folder = folderFor(t);
    const terminal = await initOnTerminal(t, folder, '--domain', 'grpc.example.com');
    await terminal.has('The address of the gRPC service [127.0.0.1:50051]: ');
    terminal.type('\r');
    await terminal.has('"none" for plaintext');
    terminal.type('none\r');
    assert.equal(await terminal.exit(), 0);
    assert.doesNotMatch(terminal.text(), /The name that clients call/);
    const text = readFileSync(join(folder, 'config.yaml'), 'utf8');
    assert.match(text, /127\.0\.0\.1:50051/);
    assert.doesNotMatch(text, /^\s+cert:/m);
    assert.equal(runIn(folder, 'check').code, 0);
  });

  test('an answer that cannot be used is told, and nothing is written', async (t) => {
    const folder = folderFor(t);
    const terminal = await initOnTerminal(t, folder, '--domain', 'grpc.example.com', '--plaintext');
    await terminal.has('The address of the gRPC service [127.0.0.1:50051]: ');
    terminal.type('nonsense:port\r');
    assert.equal(await terminal.exit(), 1);
    assert.match(terminal.text(), /framegate init: --service: /);
    assert.deepEqual(readdirSync(folder), []);
  });

  for (const [key, name] of [
    ['\u0003', 'Ctrl-C'],
    ['\u0004', 'Ctrl-D'],
  ] as const)
    test(`${name} at a question ends it in one line, and nothing is written`, async (t) => {
      const folder = folderFor(t);
      const terminal = await initOnTerminal(t, folder);
      await terminal.has('The name that clients call [localhost]: ');
      terminal.type(key);
      assert.equal(await terminal.exit(), 1);
      assert.match(terminal.text(), /framegate init: nothing is written, as a question was not answered/);
      assert.doesNotMatch(terminal.text(), /Error|at .*\.ts/);
      assert.deepEqual(readdirSync(folder), []);
    });
});
