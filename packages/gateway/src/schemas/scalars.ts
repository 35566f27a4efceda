import { z } from 'zod';

/** Bounds of what a request may carry, so that no definition grows without limit. */
const MAX_URL_CHARS = 8192;
const MAX_ENTRIES = 100;

/** RFC 9110 §5.6.2, a field name. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** RFC 9110 §5.5 without line breaks and other control characters: nothing can be smuggled in behind a value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;
/** Headers that belong to one connection (RFC 9110 §7.6.1) or to the message's framing: the upstream client sets them. */
const FRAMING_HEADER =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length|expect)$/i;
/** Never legal in a URL (RFC 3986 §2); they would also hide a credential from redaction. */
const NOT_IN_URLS = /[\s\\"<>\p{Cc}]/u;

/** Why this is no URL of a source, or undefined when it is one. Never repeats the URL: it may hold a login. */
function urlProblem(text: string): string | undefined {
  if (NOT_IN_URLS.test(text)) return 'must not contain spaces, quotes, backslashes or control characters';
  if (!/^https?:\/\//i.test(text)) return 'must begin with http:// or https://';
  // `http:///x` would be read as if the path were the host.
  return /^\w+:\/\/[^/?#]/.test(text) && URL.canParse(text) ? undefined : 'is not a valid URL';
}

/** An address of a source: kept byte for byte, since providers sign theirs. */
export const sourceUrl = z
  .string({ error: 'must be a URL' })
  .max(MAX_URL_CHARS, { error: `must not be longer than ${MAX_URL_CHARS} characters` })
  .superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({
    format: 'uri',
    pattern: '^[Hh][Tt][Tt][Pp][Ss]?://',
    examples: ['http://provider.example/live.ts'],
  });

/** PHP writes an empty map as `[]`; its clients mean `{}`. */
function emptyListAsMap(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? {} : value;
}

function boundedMap<T extends z.ZodType>(values: T, keyPattern: RegExp, keyProblem: string) {
  const keys = z.string().regex(keyPattern, { error: keyProblem });
  return z.preprocess(
    emptyListAsMap,
    z
      .record(keys, values, {
        error: (issue) => (issue.code === 'invalid_key' ? keyProblem : 'must be an object'),
      })
      .refine((map) => Object.keys(map).length <= MAX_ENTRIES, {
        error: `must not have more than ${MAX_ENTRIES} entries`,
      }),
  );
}

const scalar = z
  .union([z.string(), z.number(), z.boolean()], { error: 'must be a string, a number or a boolean' })
  .transform(String)
  .refine((text) => text.length <= 4096, { error: 'must not be longer than 4096 characters' });

/** Free labels of a stream. Scalars are kept as strings; nested values are refused. */
export const metadata = boundedMap(scalar, /^[^\p{Cc}]{1,256}$/u, 'keys must have 1 to 256 characters');

/** Values of template variables, as strings. */
export const templateVariables = boundedMap(
  scalar,
  /^\w{1,64}$/,
  'names must be words of letters, digits and _',
);

/** Headers for the provider. A null value means: not sent. */
export const sourceHeaders = boundedMap(
  z
    .string({ error: 'must be a string' })
    .max(8192)
    .regex(HEADER_VALUE, { error: 'must not contain control characters' })
    .nullable(),
  HEADER_NAME,
  'is not a header name',
).superRefine((headers, context) => {
  for (const name of Object.keys(headers)) {
    if (FRAMING_HEADER.test(name)) {
      context.addIssue({ code: 'custom', path: [name], message: 'is set by the proxy itself' });
    }
  }
});

export const userAgent = z
  .string({ error: 'must be a string' })
  .max(1024)
  .regex(HEADER_VALUE, { error: 'must not contain control characters' });

/** A flag in a query string: true, 1, yes, on and their opposites. */
export const queryFlag = z.stringbool({ error: 'must be true or false' });
