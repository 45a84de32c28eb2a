// Peers that accept a connection and do not speak HTTP/2 as they should: the doctor says the same of them, whether they are TARGET or an
// endpoint of the configuration, and what it says is what calls of the proxy get.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import { firstCause } from '../../src/doctor/report.ts';
import { assertFirst, diagnose, diagnoseBroken, type Expected, startSocketPeer } from './patient.ts';

const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const RUBBISH = Buffer.from('9cb1f6e2b7a31c0db0a1ff', 'hex');

interface OddPeer {
  readonly does: string;
  readonly answer: (socket: Socket) => void;
  readonly says: RegExp;
  readonly code: string;
}

const ODD_PEERS: readonly OddPeer[] = [
  {
    does: 'sends random bytes',
    answer: (socket) => socket.write(RUBBISH),
    says: /answered neither HTTP\/2 nor HTTP\/1\.1/,
    code: 'FG2023',
  },
  {
    does: 'sends random bytes and closes',
    answer: (socket) => socket.end(RUBBISH),
    says: /answered neither HTTP\/2 nor HTTP\/1\.1/,
    code: 'FG2023',
  },
  {
    does: 'is an SSH server',
    answer: (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'),
    says: /answered neither HTTP\/2 nor HTTP\/1\.1/,
    code: 'FG2023',
  },
  {
    does: 'says nothing',
    answer: () => undefined,
    says: /sent no SETTINGS in 2(?:\.5|500)? ?m?s: is this the port of a gRPC service/,
    code: 'FG2004',
  },
  {
    does: 'closes without a word',
    answer: (socket) => socket.end(),
    says: /accepted the connection and broke it off/,
    code: 'FG2002',
  },
  {
    does: 'begins HTTP/2 and gives the connection up at once',
    answer: (socket) => socket.write(Buffer.concat([SETTINGS, GOAWAY])),
    says: /accepts connections and gives them up before it answers a call/,
    code: 'FG2005',
  },
];

for (const { does, answer, says, code } of ODD_PEERS)
  test(`a peer that ${does} gets the same diagnosis as TARGET and as an endpoint`, async (t) => {
    const address = await startSocketPeer(t, (socket) => {
      // Not before the client has spoken: the end would come before the connection is made.
      socket.once('data', () => answer(socket));
    });
    const expected: Omit<Expected, 'check'> = { says, code };
    const asTarget = await diagnose(t, { target: address, only: ['target'] });
    assertFirst(asTarget, { ...expected, check: /^target\.protocol$/ });
    const asEndpoint = await diagnoseBroken(t, {}, { endpoint: address, only: ['upstream'] });
    assertFirst(asEndpoint, { ...expected, check: /^upstream\.voice\..*\.protocol$/ });
    assert.equal(sentenceOf(asTarget), sentenceOf(asEndpoint));
  });

test('a target that is neither HTTP/2 nor HTTP/1.1 convicts the preface, and shows what it said', async (t) => {
  const target = await startSocketPeer(t, (socket) => void socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'));
  const reports = await diagnose(t, { target });
  const textOf = (id: string): string => JSON.stringify(reports.find((report) => report.id === id));
  assert.match(textOf('guesses.path'), /yes: .* answered neither HTTP\/2 nor HTTP\/1\.1/);
  assert.match(textOf('target.protocol'), /gets “SSH-2\.0-OpenSSH_9\.2p1”/);
});

test('a target that answers everything by a TLS alert is said to speak TLS', async (t) => {
  const handshakeFailure = Buffer.from([0x15, 3, 3, 0, 2, 2, 40]);
  const target = await startSocketPeer(t, (socket) => {
    socket.once('data', () => socket.end(handshakeFailure));
  });
  for (const scheme of ['', 'https://', 'http://'])
    assertFirst(await diagnose(t, { target: `${scheme}${target}`, only: ['target'] }), {
      check: /^target\.protocol$/,
      says: /speaks TLS, and no handshake succeeds: with ALPN h2 the handshake fails \(.*handshake failure/,
      remedy: /--cert FILE and --key FILE/,
      code: 'FG2035',
    });
});

/** What is named first, without the time limit, which differs. */
function sentenceOf(reports: readonly CheckReport[]): string | undefined {
  return firstCause(reports)?.finding.text.replace(/ in [\d.]+ m?s/, '');
}
