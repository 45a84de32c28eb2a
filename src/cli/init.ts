// `framegate init`: asks three questions, or takes the answers as options, and writes a configuration that passes `check`.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isSea } from 'node:sea';
import { parseAddress, parseListenAddress } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { formatProblem } from '../config/problem.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { loadAndVerify } from '../sources/load-configuration.ts';
import { NODE_FLAGS } from '../workers/node-flags.ts';
import { configText, type InitAnswers, SYSTEMD_ADDRESS, unitsFor } from './init-files.ts';
import { readOptions } from './options.ts';

const defaults = { output: 'config.yaml', service: '127.0.0.1:50051', listen: '0.0.0.0:8443' } as const;
const plaintextListen = '0.0.0.0:8080';

const usage = `Usage: framegate init [-o FILE] [OPTIONS]

Writes a commented configuration that passes check. On a terminal it asks for
what the options leave open.

  -o, --output FILE      where to write it (default: ${defaults.output})
      --domain NAME      the name that clients call, such as grpc.example.com;
                         not needed with --plaintext
      --service ADDRESS  the gRPC service, HOST:PORT or unix:/PATH
                         (default: ${defaults.service})
      --cert FILE        the certificate with its intermediates, PEM
                         (default: /etc/framegate/tls/NAME/fullchain.pem, where
                         the hook deploy/certbot/framegate copies it)
      --key FILE         its private key (default: beside the certificate)
      --plaintext        serve without TLS
      --listen ADDRESS   where clients connect to (default: ${defaults.listen},
                         ${plaintextListen} without TLS, port 443 with --systemd)
      --systemd FOLDER   also write the units of systemd into this folder, such
                         as /etc/systemd/system
      --force            replace files that exist
  -h, --help             show this help

Exit code: 0 when everything is written, 1 when nothing is.
`;

const options = {
  output: { type: 'string', short: 'o', default: defaults.output },
  domain: { type: 'string' },
  service: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  plaintext: { type: 'boolean', default: false },
  listen: { type: 'string' },
  systemd: { type: 'string' },
  force: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface Given {
  readonly domain?: string | undefined;
  readonly service?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly plaintext: boolean;
  readonly listen?: string | undefined;
  readonly systemd?: string | undefined;
}

export async function init(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, options);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage}`);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.plaintext && (values.cert ?? values.key) !== undefined) {
    return fail(
      '--plaintext is for a listener without TLS, and --cert and --key are for one with it; give one of the two\n',
    );
  }
  const given = process.stdin.isTTY && process.stdout.isTTY ? await ask(values) : values;
  if (given === undefined) {
    // The cursor is still behind the question.
    process.stderr.write('\n');
    return fail('nothing is written, as a question was not answered\n');
  }
  const answers = complete(given);
  if (typeof answers === 'string') return fail(`${answers}\n`);
  const unusable = [resolve(values.output), ...programWords()].find((path) => /\p{C}/u.test(path));
  if (unusable !== undefined)
    return fail(
      `${JSON.stringify(unusable)} has control characters, which a unit and a configuration cannot name\n`,
    );
  const files = filesFor(answers, values.output, values.systemd);
  const existing = files.map(({ path }) => path).filter((path) => entryAt(path) !== undefined);
  if (existing.length > 0 && !values.force) {
    return fail(
      `${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already; --force replaces it, -o FILE writes elsewhere\n`,
    );
  }
  let problems: string | undefined;
  try {
    problems = tryConfig(values.output, files[0].text);
  } catch (error) {
    return fail(`nothing can be written into ${dirname(resolve(values.output))}: ${describe(error)}\n`);
  }
  if (problems !== undefined)
    return fail(`nothing is written, since the configuration would not pass check:\n${problems}`);
  return write(files, answers, values.output, values.systemd);
}

/**
 * Asks for what the options leave open; an empty line takes the default.
 * @returns undefined if a question is answered by Ctrl-C or Ctrl-D
 */
async function ask(given: Given): Promise<Given | undefined> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = async (question: string, fallback: string): Promise<string> => {
    const typed = (await terminal.question(`${question} [${fallback}]: `)).trim();
    return typed === '' ? fallback : typed;
  };
  try {
    const isNeeded = !given.plaintext;
    const domain =
      given.domain ?? (isNeeded ? await answer('The name that clients call', 'localhost') : undefined);
    const service = given.service ?? (await answer('The address of the gRPC service', defaults.service));
    if (domain === undefined || given.plaintext || given.cert !== undefined)
      return { ...given, domain, service };
    const cert = await answer(
      'The certificate file, or "none" for plaintext',
      hookFile(domain, 'fullchain.pem'),
    );
    return cert === 'none'
      ? { ...given, domain, service, plaintext: true }
      : { ...given, domain, service, cert };
  } catch (error) {
    if (errorCode(error) === 'ABORT_ERR') return undefined;
    throw error;
  } finally {
    terminal.close();
  }
}

/** @returns all answers, or a sentence about what is missing or wrong */
function complete(given: Given): InitAnswers | string {
  const { service = defaults.service } = given;
  const { domain } = given;
  // Without TLS no certificate is for it.
  if (domain === undefined && !given.plaintext) {
    return 'the name that clients call is missing: give --domain NAME (and --service, --cert, --key or --plaintext; framegate init --help), or run it on a terminal';
  }
  const isHostName = domain === undefined || !('message' in parseAddress(`${domain}:1`, 'connect'));
  if (!isHostName)
    return `--domain: '${domain}' is not a host name; write it without scheme and port, such as grpc.example.com`;
  const serviceAddress = parseAddress(service, 'connect');
  if ('message' in serviceAddress) return `--service: ${serviceAddress.message} (${serviceAddress.hint})`;
  const usual = given.plaintext ? plaintextListen : defaults.listen;
  const listen = given.listen ?? (given.systemd === undefined ? usual : SYSTEMD_ADDRESS);
  const listenAddress = parseListenAddress(listen);
  if ('message' in listenAddress) return `--listen: ${listenAddress.message} (${listenAddress.hint})`;
  if (given.plaintext || domain === undefined) return { domain, service, listen, certificate: undefined };
  const cert = given.cert ?? hookFile(domain, 'fullchain.pem');
  const key = given.key ?? keyBeside(cert);
  for (const [file, option] of [
    [cert, '--cert'],
    [key, '--key'],
  ]) {
    const fault = whyMissing(file);
    if (fault !== undefined) {
      return `${file}: ${fault}: name the file with ${option}, let the hook of certbot copy it there (docs/deployment.md, Certificates), or serve without TLS by --plaintext`;
    }
  }
  // Paths in a configuration are relative to its own folder, which need not be this one.
  return { domain, service, listen, certificate: { cert: resolve(cert), key: resolve(key) } };
}

/** @returns undefined for a file that is there, even if it cannot be read: `check` says so */
function whyMissing(file: string): string | undefined {
  try {
    statSync(file);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** Only root can read the files of certbot. Its deploy hook copies them to where the service may read them. */
function hookFile(domain: string, name: string): string {
  return `/etc/framegate/tls/${domain}/${name}`;
}

/** @returns where the key of a certificate usually is: certbot's privkey.pem, or NAME.key for NAME.crt and NAME.pem */
function keyBeside(cert: string): string {
  const name = basename(cert);
  const usual =
    name === 'fullchain.pem' || name === 'cert.pem' ? 'privkey.pem' : name.replace(/\.\w+$/, '.key');
  return join(dirname(cert), usual);
}

interface File {
  readonly path: string;
  readonly text: string;
}

/** @returns how this program is started, word by word */
function programWords(): readonly string[] {
  if (isSea()) return [process.execPath];
  return [process.execPath, ...NODE_FLAGS, resolve(process.argv[1] ?? 'framegate')];
}

function filesFor(
  answers: InitAnswers,
  output: string,
  systemd: string | undefined,
): readonly [File, ...File[]] {
  const config = { path: output, text: configText(answers) };
  if (systemd === undefined) return [config];
  const units = unitsFor(resolve(output), programWords(), answers.certificate !== undefined).map(
    ({ path, text }) => ({
      path: join(systemd, path),
      text,
    }),
  );
  return [config, ...units];
}

/** @returns what `check` would say of the configuration in this place; undefined if it can be used */
function tryConfig(output: string, text: string): string | undefined {
  const trial = join(dirname(output), `.${basename(output)}.${process.pid}`);
  try {
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(trial, text, { flag: 'wx' });
    const result = loadAndVerify(trial);
    if (!('problems' in result)) return undefined;
    return result.problems.map((problem) => `${formatProblem(problem).replace(trial, output)}\n`).join('');
  } finally {
    rmSync(trial, { force: true });
  }
}

/** Writes all files or none: each is complete under another name before the first gets its own. */
function write(
  files: readonly File[],
  answers: InitAnswers,
  output: string,
  systemd: string | undefined,
): number {
  const partials = files.map(({ path }) => `${path}.${process.pid}`);
  let current = output;
  try {
    for (const [index, { path, text }] of files.entries()) {
      current = path;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(partials[index], text, { flag: 'wx' });
      // What replaces a file that others may not read may not be read either.
      const replaced = entryAt(path);
      if (replaced?.isFile() === true) chmodSync(partials[index], replaced.mode & 0o777);
    }
    for (const [index, { path }] of files.entries()) {
      current = path;
      renameSync(partials[index], path);
    }
  } catch (error) {
    return fail(`${current} cannot be written: ${describe(error)}\n`);
  } finally {
    for (const partial of partials) rmSync(partial, { force: true });
  }
  for (const { path } of files) process.stdout.write(`wrote ${path}\n`);
  process.stdout.write(nextSteps(answers, output, systemd));
  return 0;
}

/** @returns what is there under a name, also a link that leads nowhere. Why nothing can be there is said when it is written. */
function entryAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function nextSteps(
  { certificate, listen }: InitAnswers,
  output: string,
  systemd: string | undefined,
): string {
  if (systemd === undefined) {
    return `\nNext: framegate serve -c ${output}\n      framegate init --systemd FOLDER makes units of systemd for it\n`;
  }
  const steps = [
    ...(certificate === undefined
      ? []
      : [
          certificate.cert.startsWith('/etc/letsencrypt/')
            ? 'only root can read /etc/letsencrypt: let the hook of certbot copy the certificate, and name the copy (docs/deployment.md, Certificates)'
            : 'the group framegate-tls has to be able to read the certificate and the key (docs/deployment.md, Certificates)',
        ]),
    ...([resolve(output), ...programWords()].some((path) => /^\/(?:home|root)\//.test(path))
      ? [
          'the unit has ProtectHome=yes: the program and the configuration have to lie outside /home and /root',
        ]
      : []),
    ...(listen === SYSTEMD_ADDRESS
      ? []
      : ['framegate.socket opens port 443, which this configuration does not use']),
    'systemctl daemon-reload && systemctl enable --now framegate.socket framegate.service',
  ];
  return `\nNext:\n${steps.map((step) => `  ${step}\n`).join('')}`;
}

function describe(error: unknown): string {
  const code = errorCode(error);
  return (
    (code === undefined ? undefined : systemErrorWords(code)) ??
    (error instanceof Error ? error.message : String(error))
  );
}

function fail(message: string): number {
  process.stderr.write(`framegate init: ${message}`);
  return 1;
}
