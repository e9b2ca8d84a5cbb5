/**
 * Where to go after a login: a path of this site, else `/`. What a browser would read as another site (`//host`,
 * `/\host`, either with tabs or line ends in it) is found by reading it as a browser does.
 */
export function readReturnTo(wanted: string | undefined): string {
  const site = 'http://site.invalid'
  if (wanted === undefined || !wanted.startsWith('/') || !URL.canParse(wanted, site)) return '/'
  const url = new URL(wanted, site)
  // A path may still begin with two slashes once its dot segments are gone.
  const isOfThisSite = url.origin === site && !/^[/\\]{2}/.test(url.pathname)
  return isOfThisSite ? url.pathname + url.search + url.hash : '/'
}
