// What a person is told of a configuration key, beside what its schema says already (kind of value, range, default). Editors show it as the
// description in config.schema.json, and docs/configuration-reference.md shows all of it.

/** Settings of other programs that do the same, by program. A text with a backtick is Markdown; any other is the name of the setting. */
export type Likeness = Readonly<Record<string, string>>;

export interface KeyNotes {
  /** What holds without the key, where the schema has no default or an empty map. */
  readonly unset?: string;
  /** When a key that may be left out must be given: "unless there is `dns`". */
  readonly required?: string;
  /** The values, where the schema cannot say them. */
  readonly values?: string;
  /** A condition on the values that the schema cannot say. */
  readonly condition?: string;
  readonly like?: Likeness;
  /** Markdown: links to what explains the key further, relative to docs. */
  readonly more?: string;
}

/** What of a schema is for the reference and not part of JSON Schema. */
export interface Annotations extends KeyNotes {
  /** The kind of value, such as duration. */
  readonly kind?: string;
  /** The lowest and the highest value. */
  readonly between?: readonly [string, string];
  /** Of a text that may hold a credential: whether people who may see the configuration see it. */
  readonly shown?: ShownTo;
}

/** `nobody`: what services are sent, or what requests must have. `unless-secret`: what every client may get; what looks like a credential is hidden. */
export type ShownTo = 'nobody' | 'unless-secret';

/** Before the names of annotations in a schema, where each is a field: the schema of a key then has those of the kind of its value too. */
const PREFIX = 'x-framegate-';

/** @param text what the key does: Markdown without links, in whole sentences, without its values, its default and what it is like elsewhere */
export function key(text: string, notes: KeyNotes = {}): Record<string, unknown> {
  return { description: text, ...named(notes) };
}

/** For a kind of values. */
export function valueKind(kind: string, between?: readonly [string, string]): Record<string, unknown> {
  return named(between === undefined ? { kind } : { kind, between });
}

/** For texts that may hold a credential. `control/shown-secret.ts` keeps to it wherever a configuration is shown. */
export function shownTo(shown: ShownTo): Record<string, unknown> {
  return named({ shown });
}

function named(annotations: Annotations): Record<string, unknown> {
  return Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`${PREFIX}${name}`, value]));
}

export function annotationsOf(schema: object): Annotations {
  const annotations = Object.entries(schema).filter(([name]) => name.startsWith(PREFIX));
  return Object.fromEntries(annotations.map(([name, value]) => [name.slice(PREFIX.length), value]));
}

/** Removes from a schema what JSON Schema does not know. */
export function removeAnnotations(schema: Record<string, unknown>): void {
  for (const name of Object.keys(schema)) if (name.startsWith(PREFIX)) delete schema[name];
}

/** `nginx listen, Envoy address`, in Markdown. */
export function likenessText(like: Likeness): string {
  return Object.entries(like)
    .map(([program, setting]) => `${program} ${settingText(setting)}`)
    .join(', ');
}

export function settingText(setting: string): string {
  return setting.includes('`') ? setting : `\`${setting}\``;
}
