// Asks for health by grpc.health.v1: Watch, whose stream tells every change at once; Check where a server has no Watch; a round trip of
// HTTP/2 where it has neither. What a server lacks is found out anew on each connection, since another version may run by then.

import { grpcStatusOfHttpStatus } from '../grpc/http-status-mapping.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { GrpcStatus, grpcStatusName } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { Http2Target } from './endpoint-access.ts';
import {
  type HealthStatus,
  healthRequest,
  MOST_MESSAGE_BYTES,
  readHealthResponse,
} from './health-message.ts';
import type { Answers, Question } from './http2-probe.ts';
import type { ProbeFailure } from './probe.ts';
import { type CallEnd, ProbeCall } from './probe-call.ts';
import type { ProbeConnection } from './probe-connection.ts';

const REGISTER =
  'register that name with its health server, or write the registered one in health.service, or none for the server as a whole';

type Method = 'Watch' | 'Check';

const UNIMPLEMENTED = grpcStatusName(GrpcStatus.UNIMPLEMENTED);

export class GrpcQuestion implements Question {
  readonly #target: Http2Target;
  readonly #service: string;
  readonly #answers: Answers;
  /** Kept over connections, so that it is known while there is none. */
  #method: Method | undefined = 'Watch';
  #call: ProbeCall | undefined = undefined;
  /** What the running Watch, or the last Check, has told. */
  #status: HealthStatus | undefined = undefined;

  constructor(target: Http2Target, service: string, answers: Answers) {
    this.#target = target;
    this.#service = service;
    this.#answers = answers;
  }

  get method(): string {
    return this.#method === undefined ? 'HTTP/2 round trip' : `grpc.health.v1 ${this.#method}`;
  }

  get waitsFor(): string {
    return this.#method === undefined || (this.#method === 'Watch' && this.#status !== undefined)
      ? 'a sign of life'
      : `the answer to ${this.#method}`;
  }

  ask(connection: ProbeConnection): void {
    if (this.#method === undefined || this.#call !== undefined) connection.ask();
    else this.#begin(this.#method, connection);
  }

  onCaughtUp(_connection: ProbeConnection): void {
    if (this.#method === undefined) this.#answers.passed();
    else if (this.#method === 'Watch' && this.#status !== undefined) this.#judge(this.#status);
  }

  reset(): void {
    this.#call?.cancel();
    this.#call = undefined;
    this.#status = undefined;
    this.#method = 'Watch';
  }

  #begin(method: Method, connection: ProbeConnection): void {
    this.#status = undefined;
    const reader = new MessageReader(MOST_MESSAGE_BYTES);
    const call = new ProbeCall({
      onBytes: (bytes) => reader.read(bytes, (message) => this.#received(message)),
      onEnd: (end) => this.#ended(method, end, connection),
    });
    this.#call = call;
    call.begin(connection, this.#head(method), healthRequest(this.#service));
  }

  #head(method: Method): HeaderList {
    const { authority, scheme } = this.#target;
    const list = new HeaderList();
    list.add(':method', 'POST');
    list.add(':scheme', scheme);
    list.add(':path', `/grpc.health.v1.Health/${method}`);
    list.add(':authority', authority);
    list.add('te', 'trailers');
    list.add('content-type', 'application/grpc');
    list.add('user-agent', 'framegate-health');
    return list;
  }

  /** @returns what is wrong with the message */
  #received(message: Buffer): string | undefined {
    const status = readHealthResponse(message);
    if (status === undefined) return 'a response that is no HealthCheckResponse';
    this.#status = status;
    // A response to Check counts when its trailers have come.
    if (this.#method === 'Watch') this.#judge(status);
    return undefined;
  }

  #judge(status: HealthStatus): void {
    if (status === 'SERVING') this.#answers.passed();
    else
      this.#answers.failed({
        predicate: this.#describe(status),
        isAnswer: true,
        remedy: status === 'SERVICE_UNKNOWN' ? REGISTER : undefined,
      });
  }

  #describe(status: HealthStatus): string {
    if (status === 'SERVICE_UNKNOWN') return `does not know service "${this.#service}" (SERVICE_UNKNOWN)`;
    return `answered ${status} for service "${this.#service}"`;
  }

  #ended(method: Method, end: CallEnd, connection: ProbeConnection): void {
    const told = this.#status;
    this.#call = undefined;
    this.#status = undefined;
    if (told === undefined && isUnimplemented(end)) {
      this.#method = method === 'Watch' ? 'Check' : undefined;
      this.ask(connection);
    } else if (method === 'Check') this.#checked(end, told);
    // Servers end streams that have lasted long. Whether it still serves is asked by the next Watch.
    else if (told !== undefined) this.#answers.lost();
    else this.#answers.failed(failureOf(method, end));
  }

  #checked(end: CallEnd, told: HealthStatus | undefined): void {
    if (end.kind === 'status' && end.grpcStatus === 'OK' && told !== undefined) this.#judge(told);
    else if (end.kind === 'status' && end.grpcStatus === 'NOT_FOUND') this.#judge('SERVICE_UNKNOWN');
    else this.#answers.failed(failureOf('Check', end));
  }
}

/** A server without gRPC, such as one of a web framework, answers 404 without grpc-status. */
function isUnimplemented(end: CallEnd): boolean {
  if (end.kind === 'status') return end.grpcStatus === UNIMPLEMENTED;
  return end.kind === 'http' && grpcStatusOfHttpStatus(end.httpStatus) === GrpcStatus.UNIMPLEMENTED;
}

function failureOf(method: Method, end: CallEnd): ProbeFailure {
  return { predicate: predicateOf(method, end), isAnswer: false, remedy: remedyOf(end) };
}

function remedyOf(end: CallEnd): string | undefined {
  if (end.kind === 'http') return 'if this is no gRPC server, ask it by health: { type: http, path }';
  const wantsCredentials =
    end.kind === 'status' && (end.grpcStatus === 'UNAUTHENTICATED' || end.grpcStatus === 'PERMISSION_DENIED');
  return wantsCredentials ? 'let the service answer grpc.health.v1.Health without credentials' : undefined;
}

function predicateOf(method: Method, end: CallEnd): string {
  if (end.kind === 'fault') return end.fault;
  if (end.kind === 'http') return `answered ${method} with HTTP status ${end.httpStatus} and no grpc-status`;
  return `ended ${method} with ${end.grpcStatus}${end.message === '' ? '' : `: ${end.message}`}`;
}
