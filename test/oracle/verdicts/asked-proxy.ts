// One of the two proxies with the compared policies, and what it makes of a request.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT_PREFACE, Flag, FrameType } from '../../../src/h2/frame-type.ts';
import type { ProxyProcess } from '../../outages/proxies.ts';
import { eventually } from '../../support/eventually.ts';
import * as frames from '../../support/frames.ts';
import { RawPeer, type ReceivedFrame } from '../../support/raw-peer.ts';
import { grpcMessage } from '../grpc-message.ts';
import { freePortsForProxy, type ProxyName, startProxyProcess } from '../started-proxy.ts';
import { type AskedRequest, type Field, type Outcome, WATCHED_RESPONSE_FIELDS } from './asked-request.ts';
import { envoyPolicies } from './envoy-policies.ts';
import { framegatePolicies, type PolicySetUp } from './framegate-policies.ts';

const MESSAGE = grpcMessage(Buffer.from('?'));
/** Values of fields in the output: tokens are much longer. */
const LONGEST_SHOWN = 40;

export class AskedProxy {
  readonly name: ProxyName;
  readonly #process: ProxyProcess;
  readonly #folder: string;
  readonly #peer: RawPeer;
  #nextStream = 1;

  private constructor(name: ProxyName, started: ProxyProcess, folder: string, peer: RawPeer) {
    this.name = name;
    this.#process = started;
    this.#folder = folder;
    this.#peer = peer;
  }

  static async start(name: ProxyName, setUp: PolicySetUp): Promise<AskedProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-verdicts-'));
    const ports = await freePortsForProxy();
    const file = join(folder, 'config.json');
    writeFileSync(file, (name === 'envoy' ? envoyPolicies : framegatePolicies)(setUp, ports));
    const started = await startProxyProcess(name, { file, ports, workers: 1 });
    const socket = connect({ host: '127.0.0.1', port: ports.listener });
    await once(socket, 'connect');
    const peer = new RawPeer(socket, false);
    peer.send(CLIENT_PREFACE, frames.settings());
    return new AskedProxy(name, started, folder, peer);
  }

  async ask(request: AskedRequest): Promise<Outcome> {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const isGrpc = request.protocol === 'grpc';
    const usual: readonly Field[] = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', request.path],
      [':authority', 'verdicts.test'],
      ['content-type', isGrpc ? 'application/grpc' : 'application/json'],
      ...(isGrpc ? [['te', 'trailers'] as const] : []),
    ];
    this.#peer.send(frames.headers(stream, frames.block(...usual, ...request.fields)));
    this.#peer.send(frames.data(stream, isGrpc ? MESSAGE : '{}', { endStream: true }));
    const answer = await eventually(`${this.name} answers "${request.name}"`, () => this.#answerOn(stream));
    return outcomeOf(answer, isGrpc);
  }

  /** @returns the frames of the answer once it is complete */
  #answerOn(stream: number): readonly ReceivedFrame[] | undefined {
    const received = this.#peer.frames.filter(({ streamId }) => streamId === stream);
    if (this.#peer.isClosed) throw new Error(`${this.name} has closed the connection`);
    const isOver = received.some(
      ({ type, flags }) =>
        type === FrameType.RST_STREAM ||
        ((type === FrameType.HEADERS || type === FrameType.DATA) && (flags & Flag.END_STREAM) !== 0),
    );
    return isOver ? received : undefined;
  }

  async stop(): Promise<void> {
    this.#peer.destroy();
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true });
  }

  kill(): void {
    this.#process.kill();
  }
}

function outcomeOf(received: readonly ReceivedFrame[], isGrpc: boolean): Outcome {
  const sections = received.filter(({ type }) => type === FrameType.HEADERS).map(({ fields }) => fields);
  const fields = sections.flat();
  const reset = received.find(({ type }) => type === FrameType.RST_STREAM);
  const httpStatus = new Map(fields).get(':status');
  const status = isGrpc ? new Map(fields).get('grpc-status') : httpStatus;
  const isServed = isGrpc ? status === '0' : status === '200';
  const answer = isServed ? 'served' : `refused: ${status ?? `reset ${reset?.payload.readUInt32BE(0)}`}`;
  const outcome = new Map([['answer', answer]]);
  const [head = [], trailers = []] = sections;
  note(outcome, 'client got', head, WATCHED_RESPONSE_FIELDS);
  note(outcome, 'client got in trailers', trailers, WATCHED_RESPONSE_FIELDS);
  if (isServed) note(outcome, 'service saw', seenBy(received, isGrpc));
  return outcome;
}

/** @returns the fields that the service has seen, as its answer says */
function seenBy(received: readonly ReceivedFrame[], isGrpc: boolean): readonly Field[] {
  const body = Buffer.concat(
    received.filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload),
  );
  const seen: unknown = JSON.parse(body.subarray(isGrpc ? MESSAGE.length - 1 : 0).toString());
  if (!Array.isArray(seen)) throw new Error('the service has answered something else');
  return seen.map(([name, value]: readonly unknown[]) => [String(name), String(value)] as const);
}

function note(
  outcome: Map<string, string>,
  where: string,
  fields: readonly Field[],
  watched?: readonly string[],
): void {
  for (const [name, value] of fields) {
    if (watched?.includes(name) === false) continue;
    const shown = value.length > LONGEST_SHOWN ? `${value.length} characters` : value;
    const aspect = `${where} ${name}`;
    const before = outcome.get(aspect);
    outcome.set(aspect, before === undefined ? shown : `${before} | ${shown}`);
  }
}
