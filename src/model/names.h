// A short list of names that many places share: tags, the chain of templates. One pointer wide
// where it is empty, and equal lists can be one in memory. Changing it copies it first.
#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace croft::model {

class Names {
 public:
  using List = std::vector<std::string>;
  using value_type = std::string;

  Names() = default;
  Names(List names)
      : list_(names.empty() ? nullptr : std::make_shared<const List>(std::move(names))) {}
  Names(std::initializer_list<std::string> names) : Names(List(names)) {}
  /// Shares it.
  Names(std::shared_ptr<const List> names) : list_(std::move(names)) {}

  const List& list() const {
    static const List none;
    return list_ ? *list_ : none;
  }
  operator const List&() const { return list(); }
  bool empty() const { return list().empty(); }
  size_t size() const { return list().size(); }
  auto begin() const { return list().begin(); }
  auto end() const { return list().end(); }
  const std::string& front() const { return list().front(); }
  void push_back(std::string name) {
    List longer = list();
    longer.push_back(std::move(name));
    *this = Names(std::move(longer));
  }
  friend bool operator==(const Names& a, const Names& b) { return a.list() == b.list(); }

 private:
  std::shared_ptr<const List> list_;
};

}  // namespace croft::model
