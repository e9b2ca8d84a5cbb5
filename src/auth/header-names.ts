/**
 * Folds the name of a header as CGI, PHP and WSGI servers do: they take every character that is neither letter nor
 * digit for `-`, so that `X_API.Key` reads as `x-api-key`.
 * @returns in small letters
 */
export const foldHeaderName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-')
