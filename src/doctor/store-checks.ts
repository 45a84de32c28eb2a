// Checks the stores of shared limits: whether each server can be reached, whether it accepts the password, which version it is, and whether
// leases can be taken there. Nothing that a server says is printed but its version, so that no password comes back by an error.

import { isIP } from 'node:net';
import type { Address } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { readStoreSecrets, type StoreSecrets } from '../config/store-secrets.ts';
import type { StoreConfig, StoreServer } from '../config/stores-config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { describeStoreAnswer } from '../diagnosis/store-answer.ts';
import type { Check } from './check.ts';
import type { DialFailure, TlsWish } from './dial.ts';
import { type Finding, failed, ok, took, unexamined, warning } from './finding.ts';
import { askResp, type RespAnswers, type RespReply } from './resp-call.ts';
import { judgeScripts, neededRights, scriptCommands } from './store-scripts.ts';

const LIMIT_MS = 4000;
const ASK_MS = 2500;
const MOST_SERVERS = 8;
/** What leases are tested with begins here (docs/limits.md). */
const OLDEST_TESTED = 7;

export function storeChecks({ stores = [] }: Config): readonly Check[] {
  return stores.flatMap((store) =>
    store.servers.slice(0, MOST_SERVERS).map((server): Check => {
      const address = addressOf(server);
      const what = store.kind === 'sentinel' ? 'sentinel' : 'store';
      return {
        id: `stores.${store.name}.${address.text}`,
        group: 'stores',
        title: `${what} ${store.name} ${address.text}: answers`,
        limitMs: 2 * LIMIT_MS,
        run: () => examineServer(store, address),
      };
    }),
  );
}

function addressOf({ host, port }: StoreServer): Address {
  return { kind: 'tcp', host, port, text: `${isIP(host) === 6 ? `[${host}]` : host}:${port}` };
}

async function examineServer(store: StoreConfig, address: Address): Promise<readonly Finding[]> {
  const secrets = readStoreSecrets(store);
  if ('faults' in secrets)
    return secrets.faults.map(({ message, hint }) =>
      failed(message, hint ?? 'write it so that the user of this process can read it'),
    );
  if (store.kind !== 'sentinel') return examineStore(store, address, secrets);
  const asked = await askResp(
    { address, tls: wishOf(store, secrets) },
    [['SENTINEL', 'get-master-addr-by-name', store.master ?? '']],
    ASK_MS,
  );
  if ('failure' in asked) return [describeFailure(asked, address, store)];
  const distrusted = distrustOf(asked, address);
  if (distrusted !== undefined) return [distrusted];
  const [reply] = asked.replies;
  if (reply?.kind !== 'list')
    return [describeReply(reply, address, store, 'it is no sentinel: name sentinels, or remove `sentinel`')];
  const [host = '', port = ''] = reply.texts;
  if (!/^[0-9A-Za-z.:_-]{1,253}$/.test(host) || !/^\d{1,5}$/.test(port))
    return [
      failed(
        `the sentinel ${address.text} knows no server by the name in \`sentinel\``,
        'compare it with `sentinel monitor NAME …` in the configuration of the sentinels',
      ),
    ];
  const master = addressOf({ host, port: Number(port) });
  const found = ok(`the sentinel names ${master.text}`);
  return [found, ...(await examineStore(store, master, secrets))];
}

async function examineStore(
  store: StoreConfig,
  address: Address,
  secrets: StoreSecrets,
): Promise<readonly Finding[]> {
  const { user, database } = store;
  const { password } = secrets;
  const login = password === undefined ? [] : [['AUTH', ...(user === undefined ? [] : [user]), password]];
  const commands = [...login, ['PING'], ['SELECT', String(database)], ['INFO'], ...scriptCommands(store)];
  const asked = await askResp({ address, tls: wishOf(store, secrets) }, commands, ASK_MS);
  if ('failure' in asked) return [describeFailure(asked, address, store)];
  const distrusted = distrustOf(asked, address);
  if (distrusted !== undefined) return [distrusted];
  const replies = [...asked.replies];
  if (login.length > 0) {
    const reply = replies.shift();
    if (reply?.kind !== 'text') return [describeReply(reply, address, store, 'is it Redis or Valkey?')];
  }
  const [ping, select, info, ...scripts] = replies;
  if (ping?.kind !== 'text') return [describeReply(ping, address, store, 'is it Redis or Valkey?')];
  const findings = [
    ok(`connected ${took(asked.connectMs)}${login.length > 0 ? ', and the password is accepted' : ''}`),
  ];
  if (select?.kind !== 'text') return [...findings, describeSelect(select, address, store)];
  findings.push(...describeInfo(info, address, store));
  findings.push(...describeScripts(scripts, address, store).filter(isNew(findings)));
  return findings;
}

/** Without its database a proxy takes no leases, and says the same in its log. */
function describeSelect(reply: RespReply | undefined, address: Address, store: StoreConfig): Finding {
  const isRefused = reply?.kind === 'error' && reply.word === 'ERR';
  const answer = isRefused ? { ...reply, word: 'no_database' } : reply;
  return describeReply(answer, address, store, `is there a database ${store.database}?`);
}

/** That a server is a replica shows in two ways. */
function isNew(findings: readonly Finding[]): (finding: Finding) => boolean {
  const known = new Set(findings.map(({ text }) => text));
  return ({ text }) => !known.has(text);
}

function describeScripts(
  replies: readonly (RespReply | undefined)[],
  address: Address,
  store: StoreConfig,
): readonly Finding[] {
  const verdict = judgeScripts(replies);
  if (verdict === 'good') return [];
  if (verdict === 'elsewhere')
    return [unexamined('whether leases can be taken here: other nodes have the keys that were tried')];
  // Some versions say so of a command in a script that they forbid.
  if (verdict?.kind === 'error' && verdict.word === 'ERR')
    return [
      failed(
        `${address.text} does not run the scripts that take leases`,
        `allow what they need: ${neededRights(store)}`,
      ),
    ];
  return [describeReply(verdict, address, store, `allow what leases need: ${neededRights(store)}`)];
}

function describeInfo(info: RespReply | undefined, address: Address, store: StoreConfig): readonly Finding[] {
  // A user may be forbidden to ask, which leases do not need.
  if (info?.kind === 'error') return [unexamined('it does not tell its version (INFO)')];
  if (info?.kind !== 'text') return [describeReply(info, address, store, 'does it still respond?')];
  const fields = new Map(
    Array.from(info.text.matchAll(/^(\w{1,40}):([\w.+-]{1,40})\r?$/gm), ([, name, value]) => [name, value]),
  );
  const [valkey, redis] = ['valkey_version', 'redis_version'].map((name) => versionIn(fields.get(name)));
  const findings: Finding[] = [];
  if (valkey !== undefined) findings.push(ok(`Valkey ${valkey}`));
  else if (redis === undefined) findings.push(unexamined('it does not tell its version (INFO)'));
  else if (Number.parseInt(redis, 10) < OLDEST_TESTED)
    findings.push(
      warning(
        `Redis ${redis} is older than what leases are tested with`,
        `use Redis ${OLDEST_TESTED} or newer`,
      ),
    );
  else findings.push(ok(`Redis ${redis}`));
  if (fields.get('role') === 'slave' && store.kind !== 'cluster')
    findings.push(
      failed(
        `${address.text} is a replica, on which nothing can be written`,
        'name the primary, or the sentinels that know it',
      ),
    );
  const isCluster = fields.get('cluster_enabled') === '1';
  if (isCluster && store.kind !== 'cluster')
    findings.push(failed(`${address.text} is a node of a cluster`, 'write cluster: true'));
  if (!isCluster && store.kind === 'cluster' && fields.has('cluster_enabled'))
    findings.push(failed(`${address.text} is no node of a cluster`, 'remove cluster: true'));
  return findings;
}

/** Only numbers are taken for a version: a server could tell anything as such, also the password. */
function versionIn(text: string | undefined): string | undefined {
  return text !== undefined && /^[\d.]+$/.test(text) ? text : undefined;
}

function describeReply(
  reply: RespReply | undefined,
  { text }: Address,
  store: StoreConfig,
  otherwise: string,
): Finding {
  const { tls } = store;
  switch (reply?.kind) {
    case 'error': {
      if (reply.word === 'NOPERM')
        return failed(
          `${text} forbids this user a command or a key that leases need`,
          `allow what they need: ${neededRights(store)}`,
        );
      const known = describeStoreAnswer(reply.word);
      if (known !== undefined) return failed(`${text} ${known.predicate}`, known.remedy);
      return failed(
        `${text} answered with an error${reply.word === 'error_answer' ? '' : ` (${reply.word})`}`,
        otherwise,
      );
    }
    case 'late':
      return failed(`${text} accepted the connection and did not answer in time`, ifTls(tls));
    case 'closed':
    case undefined:
      return failed(`${text} closed the connection without an answer`, ifTls(tls));
    case 'other':
      return failed(`${text} does not speak the protocol of Redis`, ifTls(tls));
    default:
      return failed(`${text} gave an answer of another kind`, otherwise);
  }
}

function ifTls(tls: StoreConfig['tls']): string {
  return tls === undefined
    ? 'is it the port of Redis or Valkey? If the port is for TLS, write rediss://'
    : 'is it the port of Redis or Valkey?';
}

function wishOf({ tls }: StoreConfig, { ca }: StoreSecrets): TlsWish | undefined {
  return tls === undefined ? undefined : { ca: ca === undefined ? undefined : Buffer.from(ca) };
}

function distrustOf({ tls }: RespAnswers, { text }: Address): Finding | undefined {
  if (tls?.distrust === undefined) return undefined;
  return failed(
    `the certificate of ${text} is not trusted (${tls.distrust}); it is for ${tls.names || 'no name'}, issued by ${tls.issuer}`,
    'name its authority in `ca`, and the server by a name in its certificate. The password was not sent',
  );
}

function describeFailure({ failure, reason }: DialFailure, address: Address, { tls }: StoreConfig): Finding {
  const details = { timeoutMs: ASK_MS, isTls: tls !== undefined, reason };
  const { sentence } = diagnoseConnectFailure(failure, address.text, details);
  // Sentences about TLS name keys of upstreams.
  if (tls !== undefined && /^(?:ERR_SSL|EPROTO|ECONNRESET)/.test(failure))
    return failed(
      `no TLS handshake with ${address.text} (${failure})`,
      'is it the TLS port of the server (tls-port)? Without TLS write redis://',
    );
  return failed(sentence, 'calls go on without the store, as its `failure` says (docs/limits.md)');
}
