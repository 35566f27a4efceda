import { parseAttributes } from './attribute-list.ts';
import { queryOf } from './uri-reference.ts';

/** A reference to a variable. */
export const VARIABLE = /\{\$([A-Za-z0-9_-]+)\}/g;

/**
 * Variables of a playlist (draft-pantos-hls-rfc8216bis §4.3). URIs must have them replaced before they are resolved:
 * the player would look for them in a rewritten URI in vain.
 */
export class PlaylistVariables {
  readonly #values = new Map<string, string>();
  readonly #imported: Readonly<Record<string, string>>;
  readonly #query: string;

  /** `imported`: values of the multivariant playlist, for EXT-X-DEFINE:IMPORT. */
  constructor(baseUrl: string, imported: Readonly<Record<string, string>> = {}) {
    this.#imported = imported;
    this.#query = queryOf(baseUrl) ?? '';
  }

  /** Takes the attribute list of an EXT-X-DEFINE. */
  define(list: string): void {
    const attributes = parseAttributes(list);
    const name = attributes.get('NAME');
    const imported = attributes.get('IMPORT');
    const parameter = attributes.get('QUERYPARAM');
    if (name !== undefined) this.#values.set(name, attributes.get('VALUE') ?? '');
    if (imported !== undefined) this.#set(imported, this.#imported[imported]);
    if (parameter !== undefined) this.#set(parameter, parameterOf(this.#query, parameter));
  }

  /** All that are known, by name. */
  get values(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#values);
  }

  /**
   * The attribute list of an EXT-X-DEFINE as it is to be passed on: what refers to the playlist's own URL or to another
   * playlist, neither of which the player has seen, is turned into the value itself.
   */
  definition(list: string): string {
    const attributes = parseAttributes(list);
    const name = attributes.get('QUERYPARAM') ?? attributes.get('IMPORT');
    const value = name === undefined ? undefined : this.#values.get(name);
    if (attributes.has('NAME') || value === undefined || /["\r\n]/.test(value)) return list;
    return `NAME="${name}",VALUE="${value}"`;
  }

  /** The text with `{$name}` replaced; a name that is not known stays as it is. */
  substitute(text: string): string {
    if (!text.includes('{$')) return text;
    return text.replace(VARIABLE, (whole, name: string) => this.#values.get(name) ?? whole);
  }

  #set(name: string, value: string | undefined): void {
    if (value !== undefined) this.#values.set(name, value);
  }
}

/** The value of a query parameter as it stands in the URL, not decoded: it goes back into a URL. */
function parameterOf(query: string, name: string): string | undefined {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals >= 0 && pair.slice(0, equals) === name) return pair.slice(equals + 1);
  }
  return undefined;
}
