import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** A file of the project, by its path in it. */
export function shipped(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Paths of the files in a directory of the project that end so. */
export function shippedIn(directory: string, ending: string): string[] {
  return readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name));
}

// biome-ignore lint/suspicious/noExplicitAny: what a test looks into is of as many shapes as there are files
export type Yaml = any;

/** The documents of a YAML file. @throws Error where it is not well-formed, or a key stands there twice */
export function documents(path: string): Yaml[] {
  return parseAllDocuments(shipped(path), { merge: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw new Error(`${path}: ${problem.message}`);
    return document.toJS();
  });
}
