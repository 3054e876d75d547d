// The message functions, under the short name that the components use: `m.sign_in_title()`.
export * as m from "../paraglide/messages";
