/** Longer ones would make cookies that browsers and proxies refuse. */
const maxLength = 1000

/**
 * Where to go after a login: a path of this site, else `/`. What a browser would read as another site (`//host`,
 * `/\host`, either with tabs or line ends in it) is found by reading it as a browser does.
 */
export function readReturnTo(wanted: string | undefined): string {
  const site = 'http://site.invalid'
  if (wanted === undefined || !wanted.startsWith('/') || !URL.canParse(wanted, site)) return '/'
  const url = new URL(wanted, site)
  const path = url.pathname + url.search + url.hash
  // A path may still begin with two slashes once its dot segments are gone.
  const isOfThisSite = url.origin === site && !/^[/\\]{2}/.test(path)
  return isOfThisSite && path.length <= maxLength ? path : '/'
}
