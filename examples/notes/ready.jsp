<%@ page contentType="text/plain; charset=UTF-8" session="false" import="java.sql.*,javax.sql.DataSource,javax.naming.InitialContext" %><%
// Whether this server can serve: it is asked before the first request comes here, and makes the table.
DataSource source = (DataSource) new InitialContext().lookup("java:comp/env/jdbc/database");
if (application.getAttribute("made") == null)
  try (Connection c = source.getConnection(); Statement s = c.createStatement()) {
    s.execute("SELECT pg_advisory_lock(1)");
    try {
      s.execute("CREATE TABLE IF NOT EXISTS notes (id text PRIMARY KEY, text text NOT NULL, at timestamptz NOT NULL DEFAULT now())");
    } finally {
      s.execute("SELECT pg_advisory_unlock(1)");
    }
    application.setAttribute("made", true);
  } catch (SQLException e) {
    response.setStatus(503);
    out.print("the database does not answer");
    return;
  }
out.print("ready, version " + application.getInitParameter("version"));
%>
