// The made-up zoo with everything that measuring it takes.
#pragma once

#include <memory>

#include "sparseloom/soc/discover.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::profile {

struct ScriptedWorld {
  sparseloom::testing::MadeUpZoo made;
  sparseloom::testing::TemporaryFolder folder;
  std::unique_ptr<backend::Runtime> runtime = backend::make_scripted_runtime();
  zoo::Zoo zoo = made.load();
  soc::Soc soc = soc::without_gangs(soc::discover(*runtime).value());
  zoo::PieceStore pieces{zoo, *runtime, folder.path()};

  static constexpr std::size_t kSubgraphs = 9;  ///< three variants, three stages
};

}  // namespace sparseloom::profile
