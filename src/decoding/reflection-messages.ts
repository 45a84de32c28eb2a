// What `framegate tap` and the process that asks services for descriptors send each other. That process has read what services answered, so its
// answers are believed no further than they have the expected form.

import { parseAddress } from '../config/address.ts';
import { fieldOf } from './asked-process.ts';
import type { ReflectionTarget } from './reflection-stream.ts';
import { type Refusal, readRefusal } from './refusal.ts';

/** Each has one answer, in their order. */
export type ReflectionQuestion = {
  readonly address: string;
  readonly isTls: boolean;
} & ({ readonly kind: 'list' } | { readonly kind: 'describe'; readonly service: string });

export interface ListedServices {
  readonly kind: 'listed';
  readonly services: readonly string[];
}

export interface DescribedService {
  readonly kind: 'described';
  /** Each a FileDescriptorProto. */
  readonly files: readonly Uint8Array[];
}

/** `ready` comes first, without a question. */
export type ReflectionAnswer = { readonly kind: 'ready' } | ListedServices | DescribedService | Refusal;

/** How much a service may say of itself. */
export const MOST_SERVICES = 1000;
export const LONGEST_SERVICE = 500;
export const MOST_FILES = 1000;
export const MOST_FILE_BYTES = 16 * 1024 * 1024;

/** @returns who is asked, and for which service; undefined if the message is no question */
export function readQuestion(
  message: unknown,
): { readonly target: ReflectionTarget; readonly service: string | undefined } | undefined {
  const [kind, text, isTls] = [
    fieldOf(message, 'kind'),
    fieldOf(message, 'address'),
    fieldOf(message, 'isTls'),
  ];
  const address = typeof text === 'string' ? parseAddress(text, 'connect') : undefined;
  if (address === undefined || 'message' in address || typeof isTls !== 'boolean') return undefined;
  const target = { address, isTls };
  if (kind === 'list') return { target, service: undefined };
  const service = fieldOf(message, 'service');
  return kind === 'describe' && typeof service === 'string' ? { target, service } : undefined;
}

/** @returns what answers a `list`, undefined if the message is something else */
export function readListed(message: unknown): ListedServices | Refusal | undefined {
  if (fieldOf(message, 'kind') !== 'listed') return readRefusal(message);
  const services = readList(fieldOf(message, 'services'), MOST_SERVICES, isServiceName);
  return services && { kind: 'listed', services };
}

/** @returns what answers a `describe`, undefined if the message is something else */
export function readDescribed(message: unknown): DescribedService | Refusal | undefined {
  if (fieldOf(message, 'kind') !== 'described') return readRefusal(message);
  const files = readList(fieldOf(message, 'files'), MOST_FILES, isBytes);
  if (files === undefined || bytesOf(files) > MOST_FILE_BYTES) return undefined;
  return { kind: 'described', files };
}

/** A longer name is that of no service that a call could name. */
export function isServiceName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_SERVICE;
}

export function bytesOf(files: readonly Uint8Array[]): number {
  return files.reduce((sum, { length }) => sum + length, 0);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** @returns undefined if there are too many, or one of them is something else */
function readList<Entry>(
  value: unknown,
  most: number,
  isEntry: (entry: unknown) => entry is Entry,
): readonly Entry[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  // Array.from reads holes, too, which `every` would leave out.
  const entries: readonly unknown[] = Array.from(value);
  return entries.every(isEntry) ? entries : undefined;
}
