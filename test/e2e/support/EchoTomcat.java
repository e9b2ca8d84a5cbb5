import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** A Tomcat that tells how it reads a path. Started from this source: java -cp JARS EchoTomcat.java PORT FOLDER */
class EchoTomcat {
  public static void main(String[] arguments) throws Exception {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(arguments[1]);
    Connector connector = new Connector();
    connector.setPort(Integer.parseInt(arguments[0]));
    connector.setProperty("address", "127.0.0.1");
    // As liberal as its settings allow: it reads more paths as others.
    connector.setEncodedSolidusHandling("decode");
    connector.setEncodedReverseSolidusHandling("decode");
    connector.setAllowBackslash(true);
    tomcat.setConnector(connector);
    Context context = tomcat.addContext("", arguments[1]);
    map(context, "admin", "/admin/*");
    map(context, "open", "/open/*");
    map(context, "other", "/");
    tomcat.start();
    System.out.println("ready");
    tomcat.getServer().await();
  }

  private static void map(Context context, String reading, String pattern) {
    Tomcat.addServlet(context, reading, new HttpServlet() {
      @Override
      protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.setHeader("X-Reading", reading);
        response.getWriter().print(reading);
      }
    });
    context.addServletMappingDecoded(pattern, reading);
  }
}
