// Asks a service for its descriptors by gRPC server reflection: the list of its services, and the files of one of them with all that they import. Only
// the process for that calls this, since an answer may end it.

import type { DescriptorFiles } from './descriptors.ts';
import { isServiceName, MOST_FILE_BYTES, MOST_FILES, MOST_SERVICES } from './reflection-messages.ts';
import { type Ask, NoReflection, type ReflectionTarget, withReflection } from './reflection-stream.ts';
import { contentsOf, lengthDelimited, wireFieldsOf } from './wire-fields.ts';

const ASKED_WITHIN_MS = 5000;

/** Fields of grpc.reflection.v1.ServerReflectionRequest. */
const FILE_BY_FILENAME = 3;
const FILE_CONTAINING_SYMBOL = 4;
const LIST_SERVICES = 7;
/** Fields of grpc.reflection.v1.ServerReflectionResponse. */
const FILE_DESCRIPTOR_RESPONSE = 4;
const LIST_SERVICES_RESPONSE = 6;
const ERROR_RESPONSE = 7;
/** The only field that counts of the messages in them: the files, the services, and the name of a service. */
const FIRST = 1;
const ERROR_MESSAGE = 2;
/** Fields of google.protobuf.FileDescriptorProto. */
const FILE_NAME = 1;
const FILE_DEPENDENCY = 3;

/** @returns the names of the services. Rejects with an Error whose message says why there are none */
export function listServices(target: ReflectionTarget): Promise<ReadonlySet<string>> {
  return withReflection(target, ASKED_WITHIN_MS, async (ask) => {
    const answer = await askFor(ask, LIST_SERVICES, '');
    const [list = Buffer.alloc(0)] = contentsOf(wireFieldsOf(answer), LIST_SERVICES_RESPONSE);
    const services = contentsOf(wireFieldsOf(list), FIRST).slice(0, MOST_SERVICES);
    const names = services.flatMap((service) =>
      contentsOf(wireFieldsOf(service), FIRST).slice(0, 1).map(String),
    );
    return new Set(names.filter(isServiceName));
  });
}

/** @param service its full name. Rejects with an Error whose message says why there are no descriptors */
export function reflectDescriptors(target: ReflectionTarget, service: string): Promise<DescriptorFiles> {
  return withReflection(target, ASKED_WITHIN_MS, async (ask) => {
    const files = new FoundFiles();
    files.add(await askFor(ask, FILE_CONTAINING_SYMBOL, service));
    for (let missing = files.missing; missing !== undefined; missing = files.missing) {
      // oxlint-disable-next-line no-await-in-loop -- each answer may name further files
      files.add(await askFor(ask, FILE_BY_FILENAME, missing), missing);
    }
    return { areSets: false, files: [...files.all] };
  });
}

async function askFor(ask: Ask, field: number, text: string): Promise<Buffer> {
  const answer = await ask(lengthDelimited(field, Buffer.from(text)));
  const [error] = contentsOf(wireFieldsOf(answer), ERROR_RESPONSE);
  if (error === undefined) return answer;
  const [message = 'it gives no reason'] = contentsOf(wireFieldsOf(error), ERROR_MESSAGE);
  throw new NoReflection(String(message).slice(0, 200));
}

class FoundFiles {
  readonly #files = new Map<string, Buffer>();
  readonly #wanted = new Set<string>();
  /** Files that the service does not have. Well-known ones need not be there. */
  readonly #asked = new Set<string>();
  #bytes = 0;

  get all(): Iterable<Buffer> {
    return this.#files.values();
  }

  /** A file that another one imports and that has not come. Undefined if there is none. */
  get missing(): string | undefined {
    return [...this.#wanted].find((name) => !this.#files.has(name) && !this.#asked.has(name));
  }

  /** @param asked the name of the file that was asked for */
  add(answer: Buffer, asked?: string): void {
    if (asked !== undefined) this.#asked.add(asked);
    for (const response of contentsOf(wireFieldsOf(answer), FILE_DESCRIPTOR_RESPONSE))
      for (const file of contentsOf(wireFieldsOf(response), FIRST)) this.#addFile(file);
  }

  #addFile(file: Buffer): void {
    const fields = wireFieldsOf(file);
    const name = String(contentsOf(fields, FILE_NAME).at(-1) ?? '');
    this.#bytes += file.length;
    this.#files.set(name, file);
    for (const imported of contentsOf(fields, FILE_DEPENDENCY)) this.#wanted.add(String(imported));
    const most = Math.max(this.#wanted.size, this.#files.size);
    if (most > MOST_FILES || this.#bytes > MOST_FILE_BYTES)
      throw new NoReflection(
        `it has more than ${MOST_FILES} files or ${MOST_FILE_BYTES} bytes of descriptors`,
      );
  }
}
