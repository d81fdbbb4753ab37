// A mail server by others: it wants STARTTLS and a user, takes a mail apart and
// prints what it found as a line of JSON. The first line is its port.
const fs = require("fs");
const { SMTPServer } = require("smtp-server");
const { simpleParser } = require("mailparser");

const [certificate, key, user, password] = process.argv.slice(2);

const server = new SMTPServer({
  cert: fs.readFileSync(certificate),
  key: fs.readFileSync(key),
  onAuth(auth, session, done) {
    const known = session.secure && auth.username === user && auth.password === password;
    done(known ? null : new Error("who is that?"), { user: auth.username });
  },
  async onData(stream, session, done) {
    const mail = await simpleParser(stream, { skipTextToHtml: true });
    console.log(JSON.stringify({
      user: session.user,
      cipher: session.tlsOptions && session.tlsOptions.version,
      sender: session.envelope.mailFrom.address,
      recipients: session.envelope.rcptTo.map((r) => r.address),
      from: mail.from.text,
      to: mail.to.text,
      subject: mail.subject,
      text: mail.text,
      html: mail.html,
      id: mail.messageId,
      inReplyTo: mail.inReplyTo,
      references: mail.references,
      list: mail.headers.get("list"),
      automatic: mail.headers.get("auto-submitted"),
    }));
    done();
  },
});

server.on("error", (err) => console.error(err.message));
server.listen(0, "127.0.0.1", () => console.log(server.server.address().port));
