<%@ page contentType="text/html; charset=UTF-8" session="true" import="java.sql.*,javax.sql.DataSource,javax.naming.InitialContext" %><%
DataSource source = (DataSource) new InitialContext().lookup("java:comp/env/jdbc/database");
int count = -1;
try (Connection c = source.getConnection(); Statement s = c.createStatement();
     ResultSet r = s.executeQuery("SELECT count(*) FROM notes")) {
  r.next();
  count = r.getInt(1);
} catch (SQLException e) {
  response.setStatus(503);
}
Integer visits = (Integer) session.getAttribute("visits");
visits = visits == null ? 1 : visits + 1;
session.setAttribute("visits", visits);
%><!DOCTYPE html>
<title>notes</title>
<p>version <%= application.getInitParameter("version") %>, <%= count %> notes, your visit <%= visits %>,
served by <%= java.net.InetAddress.getLocalHost().getHostName() %></p>
