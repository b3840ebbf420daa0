// Bytes as text.

// A character for each byte, and back.
function toChars(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

function fromChars(text) {
  return Uint8Array.from(text, (char) => char.charCodeAt());
}

const toBase64 = (bytes) => btoa(toChars(bytes));
const fromBase64 = (text) => fromChars(atob(text));
