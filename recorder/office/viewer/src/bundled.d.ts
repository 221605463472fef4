/** The text of a module with all that it imports, as one script (`build.mjs`). */
declare module "bundled:*" {
  const text: string;
  export default text;
}
