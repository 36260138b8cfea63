// keyward init: makes a store.
#include <unistd.h>

#include <memory>

#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/owner.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text user, map_size;
};

std::string absolute(const std::string &path) {
  std::unique_ptr<char, decltype(&free)> resolved(realpath(path.c_str(), nullptr), &free);
  return resolved ? resolved.get() : path;
}

Outcome init(Context &context, const Options &options) {
  std::uint64_t map_bytes = 0;
  if (options.map_size.given) {
    if (auto outcome = parse_bytes("--map-size", options.map_size.value, &map_bytes); !outcome.ok()) {
      return outcome;
    }
  }
  if (const auto status = init_store(context.store, map_bytes); !status.ok()) {
    return from_store(status);
  }
  const auto owner = name_of_user(geteuid());
  const auto path = context.words(absolute(context.store));
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("store", path).member("user", owner).end_object();
    context.print(writer);
    return done();
  }
  context.out.line("A new store is in " + path + "; its files belong to " + owner + ".");
  if (geteuid() == 0 && !options.user.given) {
    context.note("keyward: warning: nginx's workers can't read root's files: chown -R www-data: " + path);
  }
  context.out.line("Next, in nginx.conf:");
  context.out.line("");
  context.out.line("    load_module modules/ngx_http_keyward_module.so;");
  context.out.line("    http {");
  context.out.line("        keyward_store " + path + ";");
  context.out.line("        server {");
  context.out.line("            location / {");
  context.out.line("                keyward on;");
  context.out.line("                proxy_pass http://127.0.0.1:9000;");
  context.out.line("            }");
  context.out.line("        }");
  context.out.line("    }");
  context.out.line("");
  context.out.line("and a first key: keyward key create --name first --subject me");
  return done();
}

}  // namespace

void add_init(CommandLine &line) {
  auto options = std::make_shared<Options>();
  StoreUse use;
  use.kind = StoreUse::Kind::made;
  use.user = &options->user;
  line.command(
          "init", "make a store",
          "Makes the folder of --store with a new secret and no keys in it. Nothing that is there is ever overwritten.",
          "keyward --store /var/lib/keyward init --user www-data")
      .option("--user", "USER[:GROUP]", &options->user,
              "owner of all files, by name or number: the user that nginx's workers run as (default: yourself)")
      .option("--map-size", "SIZE", &options->map_size,
              "room to start with, such as 4g (default 1g; it grows by itself)")
      .uses(use)
      .action([options](Context &context) { return init(context, *options); });
}

}  // namespace keyward::cli
