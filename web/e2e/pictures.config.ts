// `npm run pictures`: the pictures of the documentation, made from the running product.
import stories from "../playwright.config";

export default { ...stories, testDir: ".", testMatch: "pictures.ts", outputDir: "../test-results" };
