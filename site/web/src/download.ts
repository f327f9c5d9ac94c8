// A file that may be taken once: fetched, then handed to the browser; a refusal is shown with its reason and cure.
import { asError, fileAt } from "./api";
import { refusal, tell } from "./notices";

let under = "";

export async function download(url: string) {
  if (under === url) return; // a second click would use up the one download
  under = url;
  try {
    const { blob, name } = await fileAt(url);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name || "导出.xlsx";
    document.body.appendChild(link);
    link.click();
    link.remove();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    tell(`已下载 ${link.download}`);
    window.dispatchEvent(new Event("downloaded")); // the page that offered it reads its state again
  } catch (thrown) { refusal.error = asError(thrown); }
  under = "";
}
