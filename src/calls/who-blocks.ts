// Who holds a call up: the client, the service, Framegate or nobody. A pure rule over what is known of the call at one moment.

import type { StreamRoom } from '../h2/stream-room.ts';
import type { Blocked, BlockedHow, CallProtocol, CallState } from './live-exchange.ts';

/** Silence that is shorter is no silence: bytes of a call that runs well are this far apart. */
export const SILENT_MS = 1000;
/**
 * How long a service that has answered before may be silent while its client goes on sending. A person may talk for some seconds before an
 * assistant answers, and nothing on the wire tells that from a service that hangs.
 */
const ANSWER_MS = 5000;

/** After how much time a side blocks the call, in milliseconds. */
export interface Patience {
  /** Of a side that has sent or taken nothing. */
  readonly silentMs: number;
  /** Of a service whose client goes on sending. */
  readonly answerMs: number;
}

export const USUAL_PATIENCE: Patience = { silentMs: SILENT_MS, answerMs: ANSWER_MS };

/** What is known of the client or the service. */
export interface PeerFacts {
  /** The time since its last bytes or header section, in milliseconds. Undefined if nothing of it has come. */
  readonly silentMs: number | undefined;
  /** For how long it could have sent something, in milliseconds. */
  readonly presentMs: number;
  /** DATA that has come from it. */
  readonly bytes: number;
  /** Whether it has sent everything. */
  readonly hasEnded: boolean;
  /** Whether it has sent a part of a gRPC message and not all of it. */
  readonly isInsideMessage: boolean;
  /** Bytes of the other side that it has not taken. */
  readonly owedBytes: number;
  /** For how long it has taken none of them, in milliseconds. */
  readonly stuckMs: number;
  /** For how long the oldest of them has waited at least, in milliseconds. */
  readonly waitMs: number;
  /** What its stream has room for. Undefined if it has none. */
  readonly room: StreamRoom | undefined;
}

/** What a limit of the route holds back. */
export interface PacedFacts {
  readonly direction: 'request' | 'response';
  /** The limit, as a part of a sentence. */
  readonly limit: string;
  readonly heldBytes: number;
  /** For how long something has been held back without a break, in milliseconds. */
  readonly heldMs: number;
}

export interface CallFacts {
  readonly state: CallState;
  /**
   * Why the call waits for an endpoint, as a part of a sentence, and by whom: the service, where its endpoints do not answer or do not read,
   * or Framegate, where all places are taken. Undefined if it does not wait for one.
   */
  readonly waits: { readonly text: string; readonly by: 'service' | 'framegate' } | undefined;
  readonly protocol: CallProtocol;
  readonly ageMs: number;
  /** The direction that limits have held back longest. Undefined if they hold back nothing. */
  readonly paced: PacedFacts | undefined;
  /** How long ago the service was asked by a keepalive that it has not answered, in milliseconds. Undefined if it owes no answer. */
  readonly unansweredMs: number | undefined;
  readonly client: PeerFacts;
  readonly service: PeerFacts;
}

type Side = 'client' | 'service';

export function whoBlocks(facts: CallFacts, patience: Patience = USUAL_PATIENCE): Blocked {
  return waiting(facts) ?? unread(facts, patience) ?? silent(facts, patience);
}

/** Whether the service is silent while its client goes on sending. Where nobody blocks such a call, its record says so all the same. */
export function isServiceAlone(
  { client, service, state }: CallFacts,
  { silentMs, answerMs }: Patience,
): boolean {
  return state !== 'response_ended' && silenceOf(client) < silentMs && silenceOf(service) >= answerMs;
}

/** Something waits to be read, or the service reads nothing any more, since its connection does not even answer a keepalive. */
function unread(facts: CallFacts, { silentMs }: Patience): Blocked | undefined {
  const { unansweredMs, paced: held, state, service } = facts;
  const found = paced(facts, silentMs) ?? slowReader(facts, silentMs) ?? stuck(facts, silentMs);
  if (unansweredMs === undefined || state === 'response_ended') return found;
  // While something of its response waits here, the call does not wait for the service yet.
  const isOfResponse = found?.how === 'limit' ? held?.direction === 'response' : found?.by === 'client';
  const unanswered = `The connection of the service has not answered the keepalive of ${timeText(unansweredMs)} ago`;
  if (found !== undefined && isOfResponse) return alsoSaying(found, `${unanswered}.`);
  return alsoSaying(
    found?.by === 'service' ? found : silentFor('service', service, silenceText('service', service)),
    `${unanswered}: its process or machine has stopped, or the network to it is interrupted.`,
  );
}

function waiting(facts: CallFacts): Blocked | undefined {
  const why = whyWaiting(facts);
  if (why === undefined) return undefined;
  const { receiveWindow = Number.POSITIVE_INFINITY, isPaused = false } = facts.client.room ?? {};
  const isFilled = receiveWindow <= 0 || isPaused;
  const filled = isFilled
    ? ' The client may send no more meanwhile, since it has filled the window of Framegate.'
    : '';
  const by = facts.waits?.by ?? 'framegate';
  return {
    by,
    // The window is that of Framegate, so it says nothing about the service.
    how: isFilled && by === 'framegate' ? 'window' : 'waiting',
    forMs: facts.ageMs,
    sentence: why + filled,
  };
}

function whyWaiting({ state, waits }: CallFacts): string | undefined {
  switch (state) {
    case 'waiting_for_turn':
      return 'The request waits until an earlier one of its connection has its response.';
    case 'waiting_for_policy':
      return 'The call waits for the answer to a question that a policy of its route has asked.';
    case 'waiting_for_endpoint':
      return `The call waits for a place at its upstream: ${waits?.text ?? 'it has no endpoint yet'}.`;
    case 'waiting_for_retry':
      return 'The call waits for its next attempt, since the one before has failed.';
    default:
      return undefined;
  }
}

/** What a limit holds back is nobody's fault, although one side sees nothing come and the other may have no window left. */
function paced({ paced: held }: CallFacts, leastMs: number): Blocked | undefined {
  if (held === undefined || held.heldMs < leastMs) return undefined;
  const { direction, limit, heldBytes, heldMs } = held;
  const sentence = `The ${direction} is paced by a limit: ${limit}. It holds back ${bytesText(heldBytes)}, and has held back some for ${timeText(heldMs)}.`;
  return { by: 'framegate', how: 'limit', forMs: heldMs, sentence };
}

/** The side that has taken nothing for longest of what waits for it. */
function stuck({ client, service }: CallFacts, leastMs: number): Blocked | undefined {
  const ofClient = stuckMsOf(client);
  const ofService = stuckMsOf(service);
  if (ofClient < leastMs && ofService < leastMs) return undefined;
  const [by, other] =
    ofService > ofClient ? (['service', 'client'] as const) : (['client', 'service'] as const);
  const blocked = describeStuck(by, by === 'client' ? client : service);
  if (Math.min(ofClient, ofService) < leastMs) return blocked;
  return alsoSaying(blocked, `The ${other} does not read either.`);
}

function stuckMsOf({ owedBytes, stuckMs }: PeerFacts): number {
  return owedBytes > 0 ? stuckMs : 0;
}

function describeStuck(by: Side, { room, owedBytes, stuckMs }: PeerFacts): Blocked {
  const how = howStuck(room);
  const why = {
    window: 'does not read: its flow-control window is empty',
    connection_window:
      'does not read: the flow-control window of its connection, which all its calls share, is empty',
    socket: 'does not read, or the network to it is interrupted: its connection takes no bytes',
  }[how];
  const sentence = `The ${by} ${why}, and it has taken nothing of the waiting ${bytesText(owedBytes)} for ${timeText(stuckMs)}.`;
  return { by, how, forMs: stuckMs, sentence };
}

function howStuck(
  room: StreamRoom | undefined,
): Extract<BlockedHow, 'window' | 'connection_window' | 'socket'> {
  if (room?.sendWindow !== undefined && room.sendWindow <= 0) return 'window';
  return room?.connectionSendWindow !== undefined && room.connectionSendWindow <= 0
    ? 'connection_window'
    : 'socket';
}

function silent(facts: CallFacts, patience: Patience): Blocked {
  const { client, service, state } = facts;
  if (state === 'response_ended') {
    const { owedBytes } = client;
    return nobody(
      `The response is complete.${owedBytes > 0 ? ` The client has ${bytesText(owedBytes)} of it to read.` : ''}`,
    );
  }
  if (isServiceAlone(facts, patience)) return alone(facts);
  const least = Math.min(silenceOf(client), silenceOf(service));
  if (least < patience.silentMs) return nobody(`${lastOf('client', client)} ${lastOf('service', service)}`);
  const by = whoseTurn(facts);
  const [it, other] = by === 'client' ? [client, service] : [service, client];
  const otherSide = by === 'client' ? 'service' : 'client';
  return silentFor(by, it, `${silenceText(by, it)} ${lastOf(otherSide, other)}`);
}

/**
 * The service is silent, and the client goes on sending. A service that has sent content answers while the request runs, so it is its turn,
 * unless it still gets a message. Any other may have to wait for the end of the request.
 */
function alone({ client, service }: CallFacts): Blocked {
  const isItsTurn = service.bytes > 0 && (service.isInsideMessage || !client.isInsideMessage);
  const hasHeadAlone = service.silentMs !== undefined && service.bytes === 0;
  const silence = hasHeadAlone ? lastOf('service', service) : silenceText('service', service);
  const facts = client.hasEnded
    ? `${silence} ${lastOf('client', client)}`
    : `${silence.slice(0, -1)}, while the client kept sending.`;
  if (isItsTurn) return silentFor('service', service, facts);
  const awaited = service.bytes > 0 ? 'the rest of a message' : 'the end of the request';
  return nobody(client.hasEnded ? facts : `${facts} It may be waiting for ${awaited}.`);
}

/**
 * The side that takes its bytes bit by bit, so that it is never stuck for long, but bytes wait for it for long. It comes before a side that
 * is stuck: a service that cannot send, since its client is slow, often stops reading as well, and clients do the same.
 */
function slowReader({ client, service }: CallFacts, leastMs: number): Blocked | undefined {
  const ofClient = slowMsOf(client, silenceOf(service), leastMs);
  const ofService = Math.min(slowMsOf(service, silenceOf(client), leastMs), service.presentMs);
  if (ofClient < leastMs && ofService < leastMs) return undefined;
  const isClient = ofService < leastMs || (ofClient >= leastMs && stuckMsOf(client) >= stuckMsOf(service));
  const blocked = isClient
    ? describeSlow('client', client, lastOf('service', service), ofClient)
    : describeSlow('service', service, lastOf('client', client), ofService);
  const [other, slowMs, stuckMs] = isClient
    ? ['service', ofService, stuckMsOf(service)]
    : ['client', ofClient, stuckMsOf(client)];
  if (slowMs >= leastMs) return alsoSaying(blocked, `The ${other} reads slowly as well.`);
  return stuckMs < leastMs ? blocked : alsoSaying(blocked, `The ${other} does not read meanwhile.`);
}

/** @param silentMs of the other side, which may have no window to send more: what waits has come before that */
function slowMsOf(peer: PeerFacts, silentMs: number, leastMs: number): number {
  const { owedBytes, waitMs } = peer;
  return owedBytes > 0 && stuckMsOf(peer) < leastMs ? Math.max(waitMs, silentMs) : 0;
}

function describeSlow(by: Side, { room, owedBytes }: PeerFacts, last: string, forMs: number): Blocked {
  const verb = owedBytes === 1 ? 'waits' : 'wait';
  const sentence = `The ${by} reads slowly, or the network to it is slow: ${bytesText(owedBytes)} ${verb} for it. ${last}`;
  return { by, how: howStuck(room), forMs, sentence };
}

/** Neither side has sent anything for a while. Whose turn is it? */
function whoseTurn({ client, service, protocol, state }: CallFacts): Side {
  if (client.hasEnded) return 'service';
  // The client of a WebSocket may send nothing before the service has opened it.
  if (state === 'waiting_for_response' && protocol === 'websocket') return 'service';
  if (client.isInsideMessage !== service.isInsideMessage)
    return client.isInsideMessage ? 'client' : 'service';
  // Services answer a request of plain HTTP when it is whole, and nearly every gRPC call begins with a message.
  if (state === 'waiting_for_response') return protocol !== 'http' && client.bytes > 0 ? 'service' : 'client';
  // Who spoke last has done its part. In the same millisecond the service was the second: it had to read first.
  return silenceOf(service) > silenceOf(client) ? 'service' : 'client';
}

function silentFor(by: Side, peer: PeerFacts, sentence: string): Blocked {
  return { by, how: 'silent', forMs: silenceOf(peer), sentence };
}

function silenceOf({ silentMs, presentMs }: PeerFacts): number {
  return silentMs ?? presentMs;
}

function silenceText(side: Side, peer: PeerFacts): string {
  const { silentMs, isInsideMessage } = peer;
  const time = timeText(silenceOf(peer));
  if (isInsideMessage) return `The ${side} has sent a part of a message, and nothing more for ${time}.`;
  return silentMs === undefined
    ? `The ${side} has sent nothing in the ${time} since it got the request.`
    : `The ${side} has sent nothing for ${time}.`;
}

function lastOf(side: Side, { silentMs, bytes, hasEnded }: PeerFacts): string {
  if (silentMs === undefined) return `The ${side} has sent nothing yet.`;
  const time = timeText(silentMs);
  if (hasEnded && side === 'client') return `The request has been complete for ${time}.`;
  return bytes === 0
    ? `The ${side} sent its header fields ${time} ago, and no content since.`
    : `The last bytes of the ${side} came ${time} ago.`;
}

function alsoSaying(blocked: Blocked, sentence: string): Blocked {
  return { ...blocked, sentence: `${blocked.sentence} ${sentence}` };
}

function nobody(sentence: string): Blocked {
  return { by: 'nobody', how: 'none', forMs: 0, sentence };
}

function timeText(ms: number): string {
  if (ms < 100) return `${Math.floor(ms)} ms`;
  if (ms < 10_000) return `${Math.floor(ms / 100) / 10} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return bytes < 1_048_576 ? `${Math.floor(bytes / 1024)} KiB` : `${Math.floor(bytes / 1_048_576)} MiB`;
}
