/** Removes slashes from the end of a URL or path. No regular expression: `/\/+$/` takes quadratic time. */
export function trimSlashes(text: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === '/') end -= 1
  return text.slice(0, end)
}
