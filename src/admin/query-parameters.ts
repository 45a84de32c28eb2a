// Reads the query of a request strictly: what is not understood is refused with a sentence. A filter that is ignored would show what
// nobody has asked for.

/** A longer value is quoted in part. */
const MOST_QUOTED = 64;

class RefusedQuery extends Error {}

export class QueryParameters {
  readonly #parameters: URLSearchParams;

  /**
   * @param search what follows `?`. @param names the parameters that there are. Throws if there is another one, or one twice
   * @param several the names of those that may be there several times
   */
  constructor(search: string, names: readonly string[], several: readonly string[] = []) {
    this.#parameters = new URLSearchParams(search);
    const seen = new Set<string>();
    for (const name of this.#parameters.keys()) {
      if (!names.includes(name))
        refuse(`there is no parameter ${quoted(name)}; there are: ${names.join(', ')}`);
      if (seen.has(name) && !several.includes(name)) refuse(`the parameter ${name} is there twice`);
      seen.add(name);
    }
  }

  raw(name: string): string | undefined {
    return this.#parameters.get(name) ?? undefined;
  }

  /** All values of a parameter that may be there several times. */
  all(name: string): readonly string[] | undefined {
    return this.#parameters.has(name) ? this.#parameters.getAll(name) : undefined;
  }

  text(name: string): string | undefined {
    const text = this.raw(name);
    if (text === '') refuse(`the parameter ${name} is empty; leave it out to see all calls`);
    return text;
  }

  /** A path, or its beginning and `*`. */
  method(): string | undefined {
    return this.#pattern('method', '/voice.VoiceAssistant/*');
  }

  /** The name of an identity, NAME:SUBJECT, or the beginning of these and `*`. */
  identity(): string | undefined {
    return this.#pattern('identity', 'office:ali*');
  }

  #pattern(name: string, example: string): string | undefined {
    const text = this.text(name);
    if (text !== undefined && /\*./s.test(text))
      refuse(`${name} may have a * at its end only, as in ${name}=${example}, not ${quoted(text)}`);
    return text;
  }

  /** A whole number. */
  number(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.raw(name);
    if (text === undefined) return undefined;
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    const range =
      most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a whole number from ${least} to ${most}`;
    return refuse(`${name} must be ${range}, not ${quoted(text)}`);
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const text = this.raw(name);
    return text === undefined ? undefined : knownValue(name, text, values);
  }

  /** Values with commas between them. */
  listOf<Value extends string>(name: string, values: readonly Value[]): readonly Value[] | undefined {
    const texts = this.raw(name)?.split(',');
    return texts?.map((text) => knownValue(name, text, values));
  }
}

/** @returns what `read` returns, or the sentence with which a parameter was refused */
export function readingQuery<Query>(read: () => Query): Query | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof RefusedQuery) return error.message;
    throw error;
  }
}

function knownValue<Value extends string>(name: string, text: string, values: readonly Value[]): Value {
  return (
    values.find((value) => value === text) ??
    refuse(`${name} must be one of ${values.join(', ')}, not ${quoted(text)}`)
  );
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text);
}

export function refuse(sentence: string): never {
  throw new RefusedQuery(sentence);
}
