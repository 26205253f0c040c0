// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/combine: and, or, not of masks, which are masks themselves. They are told what a tile does by
// their parts, and move their parts' data. Masks that stand side by side in an attention already agree by
// `and`; all_of serves inside any_of and not_.

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/slots.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

using byteloom::detail::holds_views;

template <class Mask>
concept joinable = byteloom::detail::on_axis<Mask, axis::mask> && requires(const Mask mask, site at) {
  { mask.keep(at) } -> std::same_as<bool>;
};

/// The memory of the views of some masks; without views the base is empty.
template <class... Masks>
struct views_of {};
template <class Mask, class... Masks>
struct views_of<Mask, Masks...> : views_of<Masks...> {};
template <holds_views Mask, class... Masks>
struct views_of<Mask, Masks...> {
  static constexpr memory where = Mask::where;
};

template <class Mask, memory Where>
inline constexpr bool lies_in = true;
template <holds_views Mask, memory Where>
inline constexpr bool lies_in<Mask, Where> = Mask::where == Where;

template <class... Masks>
struct require_masks {
  static_assert((joinable<Masks> && ...),
                "byteloom: all_of, any_of and not_ join masks; give them policies with 'using axis = "
                "byteloom::axis::mask;' and 'BYTELOOM_HD bool keep(byteloom::site at) const'.");
  static_assert(
      (lies_in<Masks, memory::host> && ...) || (lies_in<Masks, memory::device> && ...),
      "byteloom: the masks of one combination hold views of host and of device memory; copy all of their "
      "data to one memory first.");
  static constexpr bool met = true;
};

/// Several masks, and what does not depend on how they are joined. `Self` is all_of<Masks...> and the like.
template <template <class...> class Self, class... Masks>
struct joined : slots<Masks...>, views_of<Masks...> {
  static_assert(require_masks<Masks...>::met);
  using axis = axis::mask;
  template <memory Other>
  using in = Self<byteloom::detail::rebound_policy_t<Masks, Other>...>;

  constexpr joined() = default;
  constexpr joined(const slots<Masks...>& states) : slots<Masks...>(states) {}

  // every view once, in order; masks without views are passed on
  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return with_views_of<Other>(f, std::index_sequence_for<Masks...>{});
  }

  void fits(const call_extents& call) const { fits_from<0>(call); }

 protected:
  template <std::size_t Index>
  BYTELOOM_HD constexpr coverage cover_of(tile over) const {
    const auto& mask = this->template get<Index>();
    if constexpr (requires { mask.cover(over); }) {
      return mask.cover(over);
    } else {
      return coverage::partial;
    }
  }

  template <std::size_t Index = 0>
  BYTELOOM_HD constexpr interval reach_of_all(row of) const {
    if constexpr (Index == sizeof...(Masks)) {
      return {0, of.keys};
    } else {
      return this->template get<Index>().reach(of) & reach_of_all<Index + 1>(of);
    }
  }

 private:
  template <memory Other, class F, std::size_t... Index>
  constexpr in<Other> with_views_of(const F& f, std::index_sequence<Index...>) const {
    return in<Other>{byteloom::detail::with_views<Other>(this->template get<Index>(), f)...};
  }
  template <std::size_t Index>
  void fits_from(const call_extents& call) const {
    if constexpr (Index < sizeof...(Masks)) {
      const auto& mask = this->template get<Index>();
      if constexpr (requires { mask.fits(call); }) mask.fits(call);
      fits_from<Index + 1>(call);
    }
  }
};

}  // namespace detail

/// Keeps what all of the masks keep. States are given in any order, as to attention. cover is the least of
/// the masks'; count is there where every mask keeps an interval of keys.
template <class... Masks>
struct all_of : detail::joined<all_of, Masks...> {
  static constexpr bool rises = (detail::rises<Masks> && ...);

  // defaulted, since kernels make masks without state where they read them
  constexpr all_of() requires(has_default_state<Masks>&&...) = default;
  template <class... Given>
  requires(sizeof...(Given) != 0 &&
           (!std::is_base_of_v<all_of, Given> && ...)) constexpr explicit all_of(const Given&... given)
      : all_of::joined(byteloom::fill(std::type_identity<slots<Masks...>>{}, given...)) {}

  BYTELOOM_HD constexpr bool keep(site at) const { return keep_from<0>(at); }
  BYTELOOM_HD constexpr coverage cover(tile over) const { return cover_from<0>(over); }

  BYTELOOM_HD constexpr interval reach(row of) const requires(detail::reaches<Masks>&&...) {
    return this->reach_of_all(of);
  }
  BYTELOOM_HD constexpr int count(row of) const requires(detail::reaches<Masks>&&...) {
    return reach(of).size();
  }

 private:
  template <std::size_t Index>
  BYTELOOM_HD constexpr bool keep_from(site at) const {
    if constexpr (Index == sizeof...(Masks)) {
      return true;
    } else {
      return this->template get<Index>().keep(at) && keep_from<Index + 1>(at);
    }
  }
  template <std::size_t Index>
  BYTELOOM_HD constexpr coverage cover_from(tile over) const {
    if constexpr (Index == sizeof...(Masks)) {
      return coverage::full;
    } else {
      const coverage own = this->template cover_of<Index>(over);
      const coverage rest = cover_from<Index + 1>(over);
      return own < rest ? own : rest;
    }
  }
};

/// Keeps what any of the masks keeps. cover is the greatest of the masks'; count is there for two masks that
/// keep an interval of keys each.
template <class... Masks>
struct any_of : detail::joined<any_of, Masks...> {
  // defaulted, since kernels make masks without state where they read them
  constexpr any_of() requires(has_default_state<Masks>&&...) = default;
  template <class... Given>
  requires(sizeof...(Given) != 0 &&
           (!std::is_base_of_v<any_of, Given> && ...)) constexpr explicit any_of(const Given&... given)
      : any_of::joined(byteloom::fill(std::type_identity<slots<Masks...>>{}, given...)) {}

  BYTELOOM_HD constexpr bool keep(site at) const { return keep_from<0>(at); }
  BYTELOOM_HD constexpr coverage cover(tile over) const { return cover_from<0>(over); }

  BYTELOOM_HD constexpr int count(row of) const
      requires(sizeof...(Masks) == 2 && (detail::reaches<Masks> && ...)) {
    return this->template get<0>().reach(of).size() + this->template get<1>().reach(of).size() -
           this->reach_of_all(of).size();
  }

 private:
  template <std::size_t Index>
  BYTELOOM_HD constexpr bool keep_from(site at) const {
    if constexpr (Index == sizeof...(Masks)) {
      return false;
    } else {
      return this->template get<Index>().keep(at) || keep_from<Index + 1>(at);
    }
  }
  template <std::size_t Index>
  BYTELOOM_HD constexpr coverage cover_from(tile over) const {
    if constexpr (Index == sizeof...(Masks)) {
      return coverage::none;
    } else {
      const coverage own = this->template cover_of<Index>(over);
      const coverage rest = cover_from<Index + 1>(over);
      return own > rest ? own : rest;
    }
  }
};

/// Keeps what the mask does not.
template <class... Mask>
struct not_ : detail::joined<not_, Mask...> {
  static_assert(
      sizeof...(Mask) == 1,
      "byteloom: not_ turns one mask round; write not_<any_of<...>> or not_<all_of<...>> for several.");

  // defaulted, since kernels make masks without state where they read them
  constexpr not_() requires(has_default_state<Mask>&&...) = default;
  template <class... Given>
  requires(sizeof...(Given) != 0 &&
           (!std::is_base_of_v<not_, Given> && ...)) constexpr explicit not_(const Given&... given)
      : not_::joined(byteloom::fill(std::type_identity<slots<Mask...>>{}, given...)) {}

  BYTELOOM_HD constexpr bool keep(site at) const { return !this->template get<0>().keep(at); }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const coverage turned = this->template cover_of<0>(over);
    if (turned == coverage::partial) return turned;
    return turned == coverage::none ? coverage::full : coverage::none;
  }

  BYTELOOM_HD constexpr int count(row of) const requires(detail::counts<Mask>&&...) {
    const int kept = this->template get<0>().count(of);
    return kept < 0 ? kept : of.keys - kept;
  }
};

// Found by argument-dependent lookup alone, so one operand is a mask of this namespace.

template <detail::joinable A, detail::joinable B>
constexpr all_of<A, B> operator&(const A& a, const B& b) {
  return all_of<A, B>(a, b);
}

template <detail::joinable A, detail::joinable B>
constexpr any_of<A, B> operator|(const A& a, const B& b) {
  return any_of<A, B>(a, b);
}

template <detail::joinable A>
constexpr not_<A> operator~(const A& a) {
  return not_<A>(a);
}

}  // namespace byteloom::inline v0::mask
