#include "aio/real/descriptors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "aio/real/real_world.h"

namespace croft::aio {
namespace {

TEST(Descriptors, GoFromOneProcessToAnother) {
  char folder[] = "/tmp/croft-inbox-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder));
  std::string file = std::string(folder) + "/inbox";
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  {
    auto inbox = DescriptorInbox::open(file);
    ASSERT_TRUE(inbox) << inbox.error().render();
    struct stat info{};
    ASSERT_EQ(stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ASSERT_TRUE(send_descriptor(file, pipe_ends[1]));
    std::unique_ptr<RealWorld> real = RealWorld::open().value();
    auto got = real->run(inbox->take(real->world().net));
    ASSERT_TRUE(got) << got.error().render();
    EXPECT_NE(*got, pipe_ends[1]);
    EXPECT_EQ(write(*got, "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(read(pipe_ends[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    close(*got);
  }
  EXPECT_NE(access(file.c_str(), F_OK), 0);
  EXPECT_FALSE(send_descriptor(file, pipe_ends[1]));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  rmdir(folder);
}

}  // namespace
}  // namespace croft::aio
