//! The smallest server worth copying: it greets whoever comes, sends back what they
//! say, and has a page to try it from.
//!
//! ```console
//! $ cargo run --example hello
//! open http://127.0.0.1:8080
//! ```

use primus::Primus;
use primus::tiny_http::{Header, Response};

const PAGE: &str = "\
<!doctype html>
<title>hello</title>
<form><input autofocus> <button>Say it</button></form>
<pre></pre>
<script src=\"/primus/primus.js\"></script>
<script>
  const primus = new Primus();
  primus.on('data', message => document.querySelector('pre').append(message, '\\n'));
  document.querySelector('form').onsubmit = event => {
    event.preventDefault();
    primus.write(document.querySelector('input').value);
  };
</script>
";

fn main() -> primus::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let primus = Primus::builder().build()?;
    primus.on_connection(|spark| {
        println!("{} came from {}", spark.id(), spark.address());
        spark.on_data(|spark, message| spark.write(message.value()));
        spark.on_end(|spark, _| println!("{} left", spark.id()));
        spark.write("hello")
    });
    // Everything that is not below /primus.
    primus.on_request(|_, _| {
        let html = Header::from_bytes("Content-Type", "text/html").expect("a header");
        Response::from_string(PAGE).with_header(html).boxed()
    });
    println!("open http://{}", primus.listen(&*address)?);
    primus.wait();
    Ok(())
}
