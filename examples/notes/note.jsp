<%@ page contentType="text/plain; charset=UTF-8" session="false" import="java.sql.*,javax.sql.DataSource,javax.naming.InitialContext" %><%
// POST /note.jsp?id=ID&text=TEXT: written once, however often the same is sent. GET /note.jsp?id=ID: its text.
DataSource source = (DataSource) new InitialContext().lookup("java:comp/env/jdbc/database");
String id = request.getParameter("id"), text = request.getParameter("text");
if (id == null || id.isEmpty() || id.length() > 100) {
  response.setStatus(400);
  out.print("id is missing, or longer than 100");
  return;
}
try (Connection c = source.getConnection()) {
  if ("POST".equals(request.getMethod())) {
    try (PreparedStatement s = c.prepareStatement("INSERT INTO notes (id, text) VALUES (?, ?) ON CONFLICT (id) DO NOTHING")) {
      s.setString(1, id);
      s.setString(2, text == null ? "" : text);
      s.executeUpdate();
    }
    out.print("written");
    return;
  }
  try (PreparedStatement s = c.prepareStatement("SELECT text FROM notes WHERE id = ?")) {
    s.setString(1, id);
    try (ResultSet r = s.executeQuery()) {
      if (!r.next()) response.setStatus(404);
      else out.print(r.getString(1));
    }
  }
} catch (SQLException e) {
  response.setStatus(503);
  out.print("the database does not answer");
}
%>
