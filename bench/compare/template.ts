// The configurations in bench/peers, filled in. `{{name}}` becomes a value; a line that begins with `{{log}}` stays only
// where access logs are on, one with `{{noLog}}` only where they are off.

export type TemplateValues = Readonly<Record<string, string | number>>;

/** Throws where the template asks for what nobody provides. */
export function fillIn(template: string, values: TemplateValues, accessLog: boolean): string {
  const [kept, dropped] = accessLog ? ['{{log}}', '{{noLog}}'] : ['{{noLog}}', '{{log}}'];
  return template
    .split('\n')
    .filter((line) => !line.startsWith(dropped))
    .map((line) => (line.startsWith(kept) ? line.slice(kept.length) : line))
    .join('\n')
    .replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`a template asks for {{${name}}}, which nobody provides`);
      return String(value);
    });
}
